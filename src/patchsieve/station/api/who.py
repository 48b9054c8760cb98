"""Whom a route is for: `LOOKING` for those who read, or the visitor as a parameter for those who change something."""

from typing import Annotated, Any

from patchsieve.station.security import Role, Visitor, require

LOOKING: list[Any] = [require(Role.VIEWER)]
Operator = Annotated[Visitor, require(Role.OPERATOR)]
Engineer = Annotated[Visitor, require(Role.ENGINEER)]
