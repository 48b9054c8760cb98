"""Who is asking."""

from dataclasses import dataclass
from typing import Literal

from patchsieve.station.security.roles import Role


@dataclass(frozen=True)
class Visitor:
    """The one who sent a request.

    Attributes:
        name: as in the audit: a user's name, ``"token:<its name>"``, ``"local"``, or ``""`` for nobody.
        role: what they may do; None for nobody.
        via: how they were recognised.
        user_id: of a user who has logged in; None otherwise.
    """

    name: str
    role: Role | None
    via: Literal["session", "token", "local", "nobody"]
    user_id: str | None = None

    def may(self, role: Role | None) -> bool:
        """Say whether the visitor may do what is for `role`; None is for everybody."""
        return role is None or (self.role is not None and self.role.includes(role))


NOBODY = Visitor("", None, "nobody")
LOCAL = Visitor("local", Role.ENGINEER, "local")
SERVE_TOKEN = Visitor("token:serve", Role.ENGINEER, "token")
