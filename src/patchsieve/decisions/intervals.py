"""Intervals of shares: what counts among a number of images say about all images to come."""

CONFIDENCE = 0.9


def clopper_pearson(count: float, total: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the Clopper-Pearson interval of a share of which `count` among `total` were seen.

    It holds the true share at least as often as stated, whatever the share is. Each end alone is missed at most
    with (1 - confidence) / 2. Clopper and Pearson, Biometrika 26 (1934).

    Args:
        count: how many; also not whole, where images count with a probability.
        total: of how many; without any the interval is 0 to 1.
        confidence: 0 < confidence < 1.
    """
    from scipy.stats import beta  # what only decides has no SciPy

    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, count, total - count + 1)) if count > 0 else 0.0
    high = float(beta.ppf(1 - tail, count + 1, total - count)) if count < total else 1.0
    return low, high
