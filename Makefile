# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test test-slow check format clean

demo: $(VENV)/.installed
	$(BIN)/patchsieve demo --out demo

test: $(VENV)/.installed-dev
	.ci/servers
	$(BIN)/python -m pytest -m "not slow" $(PYTEST_ARGS)

# Servers killed under load, clusters that lose nodes, whole fits: minutes more.
test-slow: $(VENV)/.installed-dev
	.ci/servers
	$(BIN)/python -m pytest -m slow $(PYTEST_ARGS)

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) --editable '.[learn]'
	touch $@

# The tests exercise every kind of backbone, so they need every extra.
$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP_INSTALL) --editable '.[dev,cflow,dinov2,export,faiss,mqtt,onnx,openvino,parquet,postgres,ray,station,timm,umap,video]'
	touch $@

clean:
	rm -rf $(VENV) demo build dist src/*.egg-info
