"""Which images a person should look at: those with a score too near the threshold for a verdict."""

import numpy.typing as npt

from patchsieve.decisions.false_alarms import ScoreTail
from patchsieve.errors import ConfigError

Band = tuple[float, float]

# What `--review` takes besides a share.
INTERVAL = "interval"


def review_band(
    scores: npt.ArrayLike, threshold: float, share: float | str, doubted: npt.ArrayLike | None = None
) -> Band:
    """Return the scores between which an image is neither called good nor defective.

    With a share, the band lies below the threshold and holds about that share of the good images: a person looks for
    defects that would be missed, and the alarms stay what they were. With ``interval`` it is the interval of the
    threshold: the false-alarm rate at it is known to an interval, and the band reaches from the score that would
    have the upper end of it to the score that would have the lower.

    Args:
        scores: out-of-sample scores of training images `[N]`, N >= 1.
        threshold: of the operating point.
        share: of the good images, between 0 and 1, or ``interval``; as text too, as the command line gives it.
        doubted: bool `[N]`, images that do not count as good; see `ScoreTail.of`.

    Returns:
        (low, high): an image above `low` and not above `high` is to be reviewed.

    Raises:
        ConfigError: `share` is neither.
    """
    tail = ScoreTail.of(scores, doubted=doubted)
    images = tail.sifted.images
    if share != INTERVAL:
        rate = tail.sifted.count_above(threshold) / images + _share(share)
        return (min(threshold, tail.score_above(rate)[0]) if rate < 1 else 0.0), threshold
    # Both ends from how many images there are, not from what they may be contaminated with.
    low, high = ScoreTail(tail.sifted, clean=True).interval(threshold)
    # A lower end of 0 has no score: half an image in all that were seen stands for it.
    upper = tail.score_above(max(low, 0.5 / images))[0]
    lower = tail.score_above(min(high, 1 - 1e-9))[0]
    return min(lower, threshold), max(upper, threshold)


def _share(given: float | str) -> float:
    try:
        share = float(given)
    except ValueError:
        share = -1.0
    if not 0 < share < 1:
        raise ConfigError(
            f"review is {given}: give the share of good images that people shall look at, such as 0.05, or "
            f"{INTERVAL} for those whose verdict the number of training images leaves open"
        )
    return share
