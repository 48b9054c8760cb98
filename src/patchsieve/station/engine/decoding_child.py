"""Decodes one upload after the other in a process that may be killed: the program of `Decoder`'s children.

It is run as a file, `python -P decoding_child.py MEMORY`, and imports the room of images only, so that it starts fast
and stays small. On standard input come requests, on standard output go answers, each a line of JSON and then bytes:

    {"size": bytes of the file, "name": "a.png", "max_pixels": 50000000}   and the file
    {"shape": [H, W, 3], "format": "PNG"}                                  and the pixels
    {"reason": "truncated PNG"}
"""

import json
import resource
import signal
import sys
from io import BytesIO
from pathlib import Path
from typing import IO

from patchsieve.errors import BrokenImageError
from patchsieve.images.collection import Pixels
from patchsieve.images.decoding import pixels_of
from patchsieve.images.opening import FORMATS, in_words, open_header


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer requests until there are no more."""
    while line := requests.readline():
        request = json.loads(line)
        data = requests.read(request["size"])
        try:
            pixels, kind = _decoded(data, request["name"], request["max_pixels"])
        except BrokenImageError as error:
            _answer(answers, {"reason": error.reason})
            continue
        _answer(answers, {"shape": pixels.shape, "format": kind}, pixels)


def limit_memory(extra: int) -> None:
    """Let this process take `extra` bytes more than it has; and let it write no files, not even of its memory."""
    used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + extra, used + extra))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _decoded(data: bytes, name: str, max_pixels: int) -> tuple[Pixels, str]:
    """Return pixels and format of a file, by the same steps as `patchsieve.images.decode`."""
    path = Path(name)
    if not data:
        raise BrokenImageError(path, "an empty file (0 bytes)")
    image = open_header(BytesIO(data), path, max_pixels)
    kind = next(name for name, magic, _ in FORMATS if magic.match(data))
    with in_words(path, image.format or "image"):
        return pixels_of(image), kind


def _answer(answers: IO[bytes], head: dict[str, object], pixels: Pixels | None = None) -> None:
    answers.write(json.dumps(head).encode() + b"\n")
    if pixels is not None:
        answers.write(pixels.data.cast("B"))
    answers.flush()


if __name__ == "__main__":
    # Ctrl-C in the terminal is for the server, which finishes what it has accepted.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        limit_memory(int(sys.argv[1]))
    serve(sys.stdin.buffer, sys.stdout.buffer)
