"""The station: the web service that inspects parts, keeps what it saw and shows it to the people at the line.

In: image files over HTTP, and `.sieve` model files. Out: verdicts as JSON and as pages, and a history of inspections
in a database with the images beside it. `store` keeps, `engine` computes, `services` are what both the API and the
pages call, `api` and `pages` speak HTTP, `security` says who may do what, `observing` tells how it goes.
"""

from patchsieve.station.settings import StationSettings

__all__ = ["StationSettings"]
