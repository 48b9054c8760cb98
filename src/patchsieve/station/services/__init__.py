"""What the station does: the one layer that both the API and the pages call.

In: plain values, and who asks. Out: frozen dataclasses, after what they say has been committed. What cannot be done
raises a `StationError`. One class for each thing, in a file of its own, imported from there: `inspecting`, `history`,
`lines`, `thresholds`, `overview`, `retention`, `accounts`, ...
"""

__all__: list[str] = []
