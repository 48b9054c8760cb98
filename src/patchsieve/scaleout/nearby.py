"""Bringing images from object stores to the machine that scores them, a little ahead of their turn."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from patchsieve.errors import ImagesError
from patchsieve.images import ImageRecord, ImageSet
from patchsieve.scaleout.filesystems import file_system, is_url
from patchsieve.scaleout.listing import Listed

# Threads that wait for the network, not for the processor.
_FETCHING_THREADS = 8


def brought_near(images: Sequence[Listed], at_once: int) -> Iterator[ImageSet]:
    """Yield images as sets of local files, in order; what was fetched for a set goes when the next is asked for.

    Args:
        images: of this machine, which are taken where they are and all in one set, or at URLs.
        at_once: how many are fetched for a set; those of the next set meanwhile.

    Raises:
        ImagesError: an object store does not answer or refuses. An image that is not there is no error here: who
            opens it says so.
    """
    if not any(is_url(image.place) for image in images):
        yield _as_set([ImageRecord(image.name, Path(image.place)) for image in images])
        return
    with (
        TemporaryDirectory(prefix="patchsieve-") as folder,
        ThreadPoolExecutor(_FETCHING_THREADS) as pool,
    ):
        rest = iter(enumerate(images))
        waiting: deque[tuple[str, Future[Path]]] = deque()
        try:
            while True:
                for number, image in islice(rest, 2 * at_once - len(waiting)):
                    target = Path(folder) / str(number)
                    waiting.append((image.name, pool.submit(_fetched, image.place, target)))
                if not waiting:
                    return
                taken = [waiting.popleft() for _ in range(min(at_once, len(waiting)))]
                records = [ImageRecord(name, future.result()) for name, future in taken]
                yield _as_set(records)
                for record in records:
                    if record.path is not None and record.path.parent == Path(folder):
                        record.path.unlink(missing_ok=True)
        finally:
            for _, future in waiting:
                future.cancel()


def _as_set(records: list[ImageRecord]) -> ImageSet:
    return ImageSet(Path("/"), "list", tuple(records))


def _fetched(place: str, target: Path) -> Path:
    """Copy an image to `target`, unless it is at hand; one that does not exist is not at `target` either."""
    if not is_url(place):
        return Path(place)
    files, path = file_system(place)
    try:
        files.get_file(path, str(target))
    except FileNotFoundError:
        target.unlink(missing_ok=True)
    except Exception as error:  # each store has errors of its own
        raise ImagesError(f"{place} cannot be fetched: {str(error) or type(error).__name__}") from error
    return target
