"""The command line: parse, call, print. Errors of the user's are one sentence and exit status 2."""

import sys

from patchsieve.cli.console import err
from patchsieve.errors import PatchSieveError

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit: 0 done, 2 an error of the user's said in words, 130 interrupted."""
    from patchsieve.cli.app import app

    try:
        app(prog_name="patchsieve")
    except PatchSieveError as error:
        _fail(str(error))
    except MemoryError:
        _fail("there is not enough memory for this; use fewer or smaller images, or a smaller coreset ratio")


def _fail(text: str) -> None:
    err.print("error:", style="red", end=" ")
    err.print(text, markup=False)
    sys.exit(2)
