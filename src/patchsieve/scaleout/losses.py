"""What a cluster lost or has no room for, in words."""

from collections.abc import Iterator
from contextlib import contextmanager

from ray import exceptions

from patchsieve.errors import ClusterError

_FULL = (exceptions.OutOfDiskError, exceptions.ObjectStoreFullError)
_LOST = (
    exceptions.WorkerCrashedError,
    exceptions.NodeDiedError,
    exceptions.OutOfMemoryError,
    exceptions.ObjectLostError,
    exceptions.ActorDiedError,
)


@contextmanager
def in_words() -> Iterator[None]:
    """Do work of a cluster.

    Raises:
        ClusterError: the work cannot go on for want of room, or since what it was done by was lost time and again.
    """
    try:
        yield
    except exceptions.RayError as error:
        words = words_for(error)
        if words is None:
            raise
        raise ClusterError(f"the cluster could not go on: {words}") from error


def words_for(error: exceptions.RayError) -> str | None:
    """Return why Ray gave the work up, and what to do; None where the work itself failed."""
    cause = cause_of(error)
    if isinstance(cause, _FULL):
        return (
            "the object store of a node is full, and so is the disk that it spills to, which Ray leaves alone beyond "
            "95 %: make room there, let it spill elsewhere (ray start --object-spilling-directory), or keep less with "
            "--cache-dtype float16"
        )
    if isinstance(cause, _LOST):
        return (
            f"its worker or node was lost each time ({type(cause).__name__}); too little memory is the usual reason: "
            "use a smaller bank_size, or nodes with more memory for each processor"
        )
    return None


def cause_of(error: exceptions.RayError) -> Exception:
    """Return what happened; what keeps an argument from being made, Ray tells as the error of the task that waits."""
    cause: Exception = error.cause if isinstance(error, exceptions.RayTaskError) else error
    return cause
