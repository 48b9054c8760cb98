"""Passwords: what may be one, and their Argon2id hashes (RFC 9106, the library's low-memory profile)."""

import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from patchsieve.station.errors import Busy, Invalid
from patchsieve.station.languages import said
from patchsieve.station.security.secrets import new_secret

SHORTEST = 10
LONGEST = 1000  # hashing a megabyte for a stranger is work for nothing
_AT_ONCE = 2  # each takes 64 MiB and a core: logins must not crowd out inspections
_PATIENCE = 5.0  # seconds

_hasher = PasswordHasher()
_room = threading.BoundedSemaphore(_AT_ONCE)
# Verified for names that do not exist, so that the answer takes as long as for those that do.
_NOBODYS_HASH = _hasher.hash(new_secret())


def require_good_password(password: str, name: str) -> None:
    """Check that `password` may be the password of `name`; length is what matters, so there are no other rules.

    Raises:
        Invalid: too short, too long, or the name itself.
    """
    if len(password) < SHORTEST:
        raise Invalid(said("the password is too short: take %(count)s characters or more", count=SHORTEST))
    if len(password) > LONGEST:
        raise Invalid(said("the password is too long: take at most %(count)s characters", count=LONGEST))
    if _normalised(password).casefold() == _normalised(name).casefold():
        raise Invalid(said("the password is the name: take another one"))


def hash_password(password: str) -> str:
    """Return the Argon2id hash of `password`, with its salt and parameters, as one string.

    Raises:
        Busy: too many passwords are being hashed at this moment.
    """
    with _Place():
        return _hasher.hash(_normalised(password))


def password_fits(password: str, password_hash: str | None) -> bool:
    """Say whether `password` has that hash. With None (nobody of that name) it is False after the same time.

    Raises:
        Busy: too many passwords are being verified at this moment.
    """
    if len(password) > LONGEST:
        return False
    with _Place():
        try:
            fits = _hasher.verify(password_hash or _NOBODYS_HASH, _normalised(password))
        except (VerificationError, InvalidHashError):
            return False
    return fits and password_hash is not None


def password_is_outdated(password_hash: str) -> bool:
    """Say whether a hash was made with weaker parameters than today's, and should be made anew at the next login."""
    return _hasher.check_needs_rehash(password_hash)


class _Place:
    """One of the few places for hashing at a time."""

    def __enter__(self) -> None:
        if not _room.acquire(timeout=_PATIENCE):
            raise Busy(
                said("too many people are logging in at this moment; try again in some seconds"),
                retry_after=5,
            )

    def __exit__(self, *_: object) -> None:
        _room.release()


def _normalised(text: str) -> str:
    # The same characters from another keyboard or system must be the same password (NIST SP 800-63B, 5.1.1.2).
    return unicodedata.normalize("NFKC", text)
