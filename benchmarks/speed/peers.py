"""The environment in which PatchSieve and its peers are timed in one process."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# All through constraints.txt, so that the peers run on the very torch and NumPy that PatchSieve runs on.
REQUIREMENTS = (
    "anomalib==2.7.0",
    "faiss-cpu==1.15.1",
    "torch==2.13.0",
    "--editable",
    f"{ROOT}[timm,export,openvino]",
)


def enter(folder: Path) -> None:
    """Go on with the same command in the peers' environment below `folder`, made where it is not there yet."""
    environment = folder.resolve() / "venv"
    if Path(sys.prefix).resolve() == environment:
        return
    python = environment / "bin" / "python"
    _install(environment, python)
    os.execve(python, [str(python), "-W", "ignore", *sys.argv], os.environ | {"TQDM_DISABLE": "1"})


def _install(environment: Path, python: Path) -> None:
    constraints = ROOT / "constraints.txt"
    parts = (constraints.read_bytes(), (ROOT / "pyproject.toml").read_bytes(), repr(REQUIREMENTS).encode())
    wanted = hashlib.sha256(b"".join(parts)).hexdigest()
    stamp = environment / "installed"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    print("installing the peers, some minutes", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    command = [python, "-m", "pip", "install", "--quiet", "--constraint", constraints, *REQUIREMENTS]
    subprocess.run(command, check=True)
    stamp.write_text(wanted)


def declare_torchvision() -> None:
    """Make torchvision importable where it was built for another kind of torch (CUDA beside a CPU build).

    Its own import stops at two operators that its library would have brought. anomalib imports torchvision
    and calls neither.
    """
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for operator in ("nms", "qnms"):
            signature = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            torch.library.define(f"torchvision::{operator}", signature)
