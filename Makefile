# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXTRAS ?= dev

.PHONY: demo test check format install clean

demo: install
	$(BIN)/patchsieve demo --out demo

test: EXTRAS := dev,onnx,dinov2,timm
test: install
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: EXTRAS := dev,onnx,dinov2,timm
check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format:
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

install: $(VENV)/.installed-$(EXTRAS)

# The stamp carries the extras: installing more than before is not skipped.
$(VENV)/.installed-%: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[$*]'
	touch $@

clean:
	rm -rf $(VENV) demo build dist src/*.egg-info
