"""The three roles, each of which may do all that the one before it may."""

from enum import Enum

from patchsieve.station.languages import said


class Role(Enum):
    """What somebody is at the station. The values are what stands in the database and in the API."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ENGINEER = "engineer"

    @property
    def word(self) -> str:
        """What people call it, for `translated`."""
        words = {"viewer": said("viewer"), "operator": said("operator"), "engineer": said("engineer")}
        return words[self.value]

    def includes(self, other: "Role") -> bool:
        """Say whether this role may do what `other` may."""
        order = list(Role)
        return order.index(self) >= order.index(other)
