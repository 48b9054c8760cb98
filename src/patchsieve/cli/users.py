"""`patchsieve users`: the people who can log in at a station, also where nobody can any more."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table

from patchsieve.cli.console import out, say

if TYPE_CHECKING:
    from patchsieve.station.services.accounts import Accounts

users = typer.Typer(help="Add, list and disable the users of a station.", no_args_is_help=True)

# Who the audit says it was: whoever may open the database needs no login.
_BY = "command"

Name = Annotated[str, typer.Argument(help="What the user logs in with.")]
RoleName = Literal["viewer", "operator", "engineer"]
Data = Annotated[Path, typer.Option(help="Folder of the station's data, as for serve.")]
Database = Annotated[str | None, typer.Option(help="URL of the station's database, as for serve.")]


@users.command()
def add(
    name: Name,
    role: Annotated[RoleName, typer.Option(help="What the user may do.")],
    data: Data = Path("station"),
    database: Database = None,
) -> None:
    """Add a user; the password is asked for, or read from standard input where that is no terminal."""
    from patchsieve.station.security import Role

    password = _password()
    with _Opened(data, database) as accounts:
        user = accounts.add(name, password, Role(role), by=_BY)
    say(f"{user.name} can log in as {user.role.value}")


@users.command(name="list")
def list_users(data: Data = Path("station"), database: Database = None) -> None:
    """List the users."""
    with _Opened(data, database) as accounts:
        found = accounts.users()
    table = Table("user", "role", "since", "", box=None, pad_edge=False)
    for user in found:
        state = f"disabled {user.disabled_at:%Y-%m-%d}" if user.disabled_at else ""
        table.add_row(user.name, user.role.value, f"{user.created_at:%Y-%m-%d}", state)
    out.print(table if found else "there are no users: whoever is at this machine is the engineer")


@users.command()
def role(
    name: Name,
    role: Annotated[RoleName, typer.Argument(help="What the user may do from now on.")],
    data: Data = Path("station"),
    database: Database = None,
) -> None:
    """Give a user another role."""
    from patchsieve.station.security import Role

    with _Opened(data, database) as accounts:
        accounts.set_role(name, Role(role), by=_BY)
    say(f"{name} has the role {role}")


@users.command()
def password(name: Name, data: Data = Path("station"), database: Database = None) -> None:
    """Give a user another password, asked for as by add, and end all their logins."""
    new = _password()
    with _Opened(data, database) as accounts:
        accounts.set_password(name, new, by=_BY)
    say(f"{name} has a new password, and is logged out everywhere")


@users.command()
def disable(name: Name, data: Data = Path("station"), database: Database = None) -> None:
    """Let a user no longer log in, and end all their logins; what they did keeps their name."""
    with _Opened(data, database) as accounts:
        accounts.disable(name, by=_BY)
    say(f"{name} cannot log in any more")


@users.command()
def enable(name: Name, data: Data = Path("station"), database: Database = None) -> None:
    """Let a disabled user log in again."""
    with _Opened(data, database) as accounts:
        accounts.enable(name, by=_BY)
    say(f"{name} can log in again")


def _password() -> str:
    # Never an option: the list of processes shows those to everybody at the machine.
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


class _Opened:
    """The accounts of a station's database, which may be in use by the station at the same time."""

    def __init__(self, data: Path, database: str | None) -> None:
        from patchsieve.station.store import Store

        self._store = Store.open(data, database)

    def __enter__(self) -> "Accounts":
        from patchsieve.station.services.accounts import Accounts

        return Accounts(self._store)

    def __exit__(self, *_: object) -> None:
        self._store.close()
