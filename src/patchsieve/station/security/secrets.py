"""Random secrets, and what may be stored of them.

A secret has 256 random bits, so a plain SHA-256 of it is as good as a slow hash: there is nothing to guess. Passwords
are another matter; see `passwords`.
"""

import hashlib
import hmac
import secrets


def new_secret(prefix: str = "") -> str:
    """Return a new secret of 256 random bits, safe in URLs and headers, after an optional prefix."""
    return prefix + secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """Return what the database keeps of a secret: SHA-256, 64 hexadecimal digits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def csrf_of(cookie: str) -> str:
    """Return the CSRF token that belongs to a cookie's secret; it changes whenever the cookie does.

    Whoever knows the cookie needs no forged request, and whoever does not cannot compute this. Derived, not stored:
    an open page stays valid when the station restarts.
    """
    return hmac.new(cookie.encode(), b"patchsieve csrf", hashlib.sha256).hexdigest()


def same_secret(given: str, expected: str) -> bool:
    """Compare in a time that does not tell how much is equal."""
    return hmac.compare_digest(given.encode(), expected.encode())
