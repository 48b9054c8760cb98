"""MVTec LOCO AD: as MVTec AD, with logical and structural anomalies and a folder of masks for each image.

ground_truth/logical_anomalies/005/ holds 000.png, 001.png, ... of test/logical_anomalies/005.png; their union is
the mask. defects_config.json, by which the paper saturates single defects, is not read. validation/good is in no
split, as in MVTec AD 2.
Source: Bergmann et al., Beyond dents and scratches, IJCV 2022.
"""

from pathlib import Path

from patchsieve.images.collection import ImageSet
from patchsieve.images.folders import child
from patchsieve.images.layouts.splits import read_splits

name = "mvtec_loco"
expects = (
    "train/good, test/good, test/logical_anomalies, test/structural_anomalies, ground_truth/<kind>/<stem>/"
)


def recognises(root: Path) -> bool:
    """Say whether there are train/ and one of the two kinds of anomalies in test/."""
    test = child(root, "test")
    if test is None or child(root, "train") is None:
        return False
    return child(test, "logical_anomalies", "structural_anomalies") is not None


def read(root: Path) -> ImageSet:
    """Read the folder of one category."""
    return read_splits(root, name)
