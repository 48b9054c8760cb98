"""What the detectors that are trained have in common: the loop, early stopping, and training that can go on.

In: a network and lessons, which give the loss of each step and the loss on held-out images. Out: the network with the
weights that were best on those images.
"""

from patchsieve.detectors.trained.checkpoint import Checkpoint
from patchsieve.detectors.trained.detector import TrainedDetector, split_images
from patchsieve.detectors.trained.loop import Lessons, Schedule, train
from patchsieve.detectors.trained.randomness import generator, seeded

__all__ = [
    "Checkpoint",
    "Lessons",
    "Schedule",
    "TrainedDetector",
    "generator",
    "seeded",
    "split_images",
    "train",
]
