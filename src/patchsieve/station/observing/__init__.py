"""Observing: how the station goes, for those who run it.

In: requests, batches and events as they happen. Out: Prometheus's text at `/metrics`, short answers at `/healthz` (the
process lives) and `/readyz` (it can inspect), and one line of JSON for each request and each thing worth a line. No
token, password, cookie, query or body is ever written.
"""

from patchsieve.station.observing.metrics import Metrics

__all__ = ["Metrics"]
