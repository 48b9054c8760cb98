"""From which page a request was sent, and under which name the station was called."""

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_OF_PROXIES = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via")
_OF_BROWSERS = ("Origin", "Referer", "Sec-Fetch-Site", "Cookie")


def is_loopback(host: str) -> bool:
    """Say whether an address or name is this machine's own, which no other machine can reach."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def name_of(host: str) -> str | None:
    """Return the name in a `Host` header, in small letters and without port or brackets; None where there is none."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # raises for what is no port
    except ValueError:
        return None
    if parts.username is not None or parts.path or parts.query or parts.fragment or not parts.hostname:
        return None
    return parts.hostname.lower().rstrip(".")


def is_own_page(headers: Headers) -> bool:
    """Say whether what sent the request was a page of this station, as far as its headers tell.

    The scheme is not compared: behind a proxy that speaks TLS, only the browser knows it.
    """
    if headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("Origin")
    if origin is None:
        return True
    try:
        return urlsplit(origin).netloc.lower() == headers.get("Host", "").lower() != ""
    except ValueError:
        return False


def came_through_proxy(headers: Headers) -> bool:
    """Say whether a proxy has passed the request on, as far as its headers tell."""
    return any(name in headers for name in _OF_PROXIES)


def is_browser(headers: Headers) -> bool:
    """Say whether the request has a header that browsers send with whatever changes something, and programs do not."""
    return any(name in headers for name in _OF_BROWSERS)
