"""Watch a folder and be killed at a certain line of the program; run as a program of its own, without torch.

Usage: crashing.py FOLDER FIRST STEP: for each N of FIRST, FIRST + STEP, ... a process is killed with SIGKILL when it
has executed N lines of the streams, another one ends the work, and what both leave behind is looked at. Prints how
many processes were killed. A line in a thread beside the work does not count.
"""

import json
import os
import shutil
import signal
import sys
import threading
from collections import Counter
from pathlib import Path

import numpy as np
from brightness import Brightness, write_grey

from patchsieve.runtime import streams
from patchsieve.runtime.streams import After, Scorer, WatchSettings

HERE = str(Path(streams.__file__).parent)
NAMES = [f"part_{index}.png" for index in range(5)]


def watch(root: Path) -> None:
    settings = WatchSettings(poll=0.01, settle=0, once=True, after=After.move, batch_size=2)
    streams.watch(
        Scorer(Brightness(), "brightness"),
        str(root / "incoming"),
        root / "results",
        settings,
        stop=threading.Event(),
        show=lambda _: None,
        tell=lambda _: None,
    )


def killed_at(line: int, root: Path) -> bool:
    """Watch in another process, which dies at its nth line; say whether it did."""
    child = os.fork()
    if child == 0:
        left = line

        def count(frame, event, _argument):
            nonlocal left
            if not frame.f_code.co_filename.startswith(HERE):
                return None
            if event == "line":
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return count

        sys.settrace(count)
        watch(root)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def look(root: Path, line: int) -> None:
    """Each part has one line, and its file is where the line says; nothing else lies about."""
    lines = [
        json.loads(text)
        for file in sorted((root / "results").glob("*.jsonl"))
        for text in file.read_text().splitlines()
    ]
    assert Counter(one["image"] for one in lines) == Counter([*NAMES, "bad.png"]), (line, lines)
    assert len({one["id"] for one in lines}) == len(lines), line
    expected = {f"{one['verdict']}/{one['image']}" for one in lines}
    files = [path for path in (root / "results").rglob("*") if path.is_file()]
    found = {path.relative_to(root / "results").as_posix() for path in files if path.parent.name != "results"}
    assert found == expected, (line, found)
    assert all(path.stat().st_size for path in files), line
    assert not list((root / "incoming").iterdir()), line


def main(folder: Path, first: int, step: int) -> None:
    killed, line = 0, first
    while True:
        root = folder / str(line)
        for index, name in enumerate(NAMES):
            write_grey(root / "incoming" / name, 40 * index)
        (root / "incoming" / "bad.png").write_bytes(b"no image")
        if not killed_at(line, root):
            break
        killed += 1
        watch(root)
        look(root, line)
        shutil.rmtree(root)
        line += step
    assert not {"torch", "scipy", "cv2", "paho"} & set(sys.modules)
    print(killed)


if __name__ == "__main__":
    np.seterr(all="raise")
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
