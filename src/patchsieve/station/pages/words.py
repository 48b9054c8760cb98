"""Words for what the database keeps as codes: who did something, where an image came from, what the audit tells.

All are English, for `translated`; a code without words is its own word.
"""

from typing import Any

from patchsieve.station.languages import said
from patchsieve.station.security import Role
from patchsieve.station.services.audit import AuditEntry

_WHO = {
    "local": said("this machine"),
    "command": said("command line"),
    "serve": said("station start"),
    "station": said("the station"),
}
_SOURCES = {
    "page": said("the page Inspect"),
    "api": said("a program"),
    "watch": said("a watched folder"),
}
_JOBS = {"refit": said("Learn anew"), "update": said("Only add the history")}
ACTIONS = {
    "history.sweep": said("old inspections removed"),
    "job.cancel": said("work on a version cancelled"),
    "job.start": said("work on a version begun"),
    "login": said("logged in"),
    "logout.everywhere": said("logged out everywhere"),
    "mark": said("training image marked"),
    "threshold.change": said("operating point changed"),
    "threshold.remove": said("operating point removed"),
    "threshold.use": said("operating point used"),
    "token.create": said("token made"),
    "token.revoke": said("token revoked"),
    "user.add": said("user added"),
    "user.disable": said("user disabled"),
    "user.enable": said("user enabled"),
    "user.password": said("password changed"),
    "user.role": said("role changed"),
    "version.add": said("version added"),
    "version.switch": said("version switched"),
}
_FIELDS = {
    "defects": said("confirmed defects"),
    "drop": said("dropped"),
    "good": said("confirmed good"),
    "id": said("id"),
    "inspections": said("inspections"),
    "keep": said("kept"),
    "logins": said("logins"),
    "parent": said("begun with version"),
    "point": said("operating point"),
    "role": said("role"),
    "rule": said("chosen by"),
    "sha256": "SHA-256",
    "threshold": said("threshold"),
    "verdict": said("verdict"),
    "version": said("version"),
}
_VALUES = {
    "role": {role.value: role.word for role in Role},
    "verdict": {"keep": said("keep"), "drop": said("drop")},
}


def who(name: str) -> str:
    """Return who it was: a user by name, others in words."""
    kind, _, token = name.partition(":")
    return said("the token %(name)s", name=token) if kind == "token" and token else _WHO.get(name, name)


def source(code: str) -> str:
    """Return where an image came from."""
    return _SOURCES.get(code, code)


def action(code: str) -> str:
    """Return what somebody did, as the audit calls it."""
    return ACTIONS.get(code, code)


def subject(entry: AuditEntry) -> str:
    """Return to what somebody did it."""
    if entry.action.startswith("job."):
        line, _, kind = entry.subject.rpartition("/")
        return said("%(line)s: %(what)s", line=line, what=_JOBS.get(kind, kind))
    return said("history") if entry.action == "history.sweep" else entry.subject


def facts(values: dict[str, Any] | None) -> list[tuple[str, Any]]:
    """Return what stood before or after a change: each by its name, texts in words, None for nothing."""
    return [(_FIELDS.get(name, name), _fact(name, value)) for name, value in (values or {}).items()]


def _fact(name: str, value: Any) -> Any:
    if name == "sha256":
        # As much as people compare.
        return f"{value:.12}…"
    return _VALUES.get(name, {}).get(value, value) if isinstance(value, str) else value
