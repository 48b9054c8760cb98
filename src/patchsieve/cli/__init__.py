"""The command line: parse, call, print. Errors of the user's are one sentence and exit status 2."""

import sys

from patchsieve.cli.console import err
from patchsieve.errors import MissingPackageError, PatchSieveError

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit: 0 done, 2 an error of the user's said in words, 130 interrupted."""
    try:
        from patchsieve.cli.app import app

        app(prog_name="patchsieve")
    except KeyboardInterrupt:
        # During the imports, which take seconds; from there on Typer turns it into this status itself.
        sys.exit(130)
    except PatchSieveError as error:
        _fail(str(error))
    except ModuleNotFoundError as error:
        missing = MissingPackageError.of(error)
        if missing is None:
            raise
        _fail(str(missing))
    except (MemoryError, RuntimeError) as error:
        if not _out_of_memory(error):
            raise
        _fail(
            "there is not enough memory for this; use fewer images, or a smaller --memory-budget, --bank-size or "
            "--image-size"
        )


def _out_of_memory(error: MemoryError | RuntimeError) -> bool:
    # torch has a class of its own for a full GPU only; a full main memory is a plain RuntimeError.
    return isinstance(error, MemoryError) or any(
        words in str(error) for words in ("can't allocate memory", "out of memory")
    )


def _fail(text: str) -> None:
    err.print("error:", style="red", end=" ")
    err.print(text)
    sys.exit(2)
