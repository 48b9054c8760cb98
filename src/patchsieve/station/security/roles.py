"""The three roles, each of which may do all that the one before it may."""

from enum import Enum


class Role(Enum):
    """What somebody is at the station. The values are what stands in the database and in the API."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ENGINEER = "engineer"

    def includes(self, other: "Role") -> bool:
        """Say whether this role may do what `other` may."""
        order = list(Role)
        return order.index(self) >= order.index(other)
