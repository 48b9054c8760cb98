"""The store: rows in SQLite or PostgreSQL, and image files beside them.

In: a database URL and a data folder. Out: a `Store`, which gives SQLAlchemy sessions on a database that has been
migrated to today's tables, and `PictureFiles`, which keeps original images by the SHA-256 of their bytes and one
anomaly map `[h, w]` per inspection; `GroupCommit` takes rows of many threads to the disk together.
"""

from patchsieve.station.store.committing import GroupCommit
from patchsieve.station.store.opening import Store

__all__ = ["GroupCommit", "Store"]
