"""Where to go after the login: a path on this station, never another site."""

from urllib.parse import urlsplit


def safe_next(wanted: str | None, otherwise: str = "/") -> str:
    """Return `wanted` if every browser takes it for a path (with query) on this site, else `otherwise`.

    Browsers take backslashes for slashes and drop tabs and line ends, so ``/\\evil.example`` and ``/\\t/evil.example``
    lead away; what holds such characters is not repaired but refused.
    """
    if not wanted or len(wanted) > 2000 or not wanted.startswith("/") or wanted.startswith("//"):
        return otherwise
    if "\\" in wanted or any(character <= " " or character == "\x7f" for character in wanted):
        return otherwise
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return otherwise
    return otherwise if parts.scheme or parts.netloc else wanted
