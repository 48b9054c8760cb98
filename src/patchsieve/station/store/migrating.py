"""Migrations with Alembic, from the scripts in this package, at every start."""

import logging
from pathlib import Path

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from patchsieve.errors import PatchSieveError

_SCRIPTS = Path(__file__).parent / "migrations"
_log = logging.getLogger(__name__)


def migrate(connection: Connection) -> None:
    """Bring a database to today's tables, in the transaction of `connection`.

    Raises:
        PatchSieveError: the database is of a later PatchSieve.
    """
    scripts = scripts_of_this_package()
    known = {script.revision for script in scripts.walk_revisions()}
    # Its own lines say how it is set up; what it does to the tables is said below.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    found = MigrationContext.configure(connection).get_current_heads()
    if set(found) == set(scripts.get_heads()):
        return
    if not set(found) <= known:
        raise PatchSieveError(
            f"the station's database is at revision {', '.join(found)}, which this PatchSieve does not know: it was "
            "used with a later one; install that, or restore a copy of the database from before"
        )
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    _log.info("the database was brought from %s to today's tables", ", ".join(found) or "nothing")


def scripts_of_this_package() -> ScriptDirectory:
    """Return the migrations that this PatchSieve has."""
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    # A percent sign in a path would be an interpolation.
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return config
