"""Streams: what arrives is judged, each part once, through kill, restart and lost networks.

In: a folder in which image files arrive, a video file, or a camera; and a `Model`. Out: a line of JSON for each part in
`results-YYYY-MM-DD.jsonl`, the files moved by verdict where that was asked for, and messages by MQTT and HTTP that wait
on disk until the receiver has them. A journal in SQLite beside the results is the truth that all of these are made to
agree with. OpenCV and paho-mqtt are imported when they are needed.
"""

from patchsieve.runtime.streams.scoring import Outcome, Scorer
from patchsieve.runtime.streams.watcher import After, Summary
from patchsieve.runtime.streams.watching import WatchSettings, watch

__all__ = ["After", "Outcome", "Scorer", "Summary", "WatchSettings", "watch"]
