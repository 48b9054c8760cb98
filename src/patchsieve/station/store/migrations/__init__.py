"""Migrations of the station's database: `env` is what Alembic runs, `versions` has one file for each step."""

__all__: list[str] = []
