"""Scale-out: the same work with the workers of a Ray cluster, when one machine is too small.

In: an `ImageSet` and an unfitted detector, and the address of a cluster. Out: the detector, fitted as one machine fits
it: the same picks, the same scores. Features stay in the workers' object stores as blocks `[n, H, W, C]`. Or in: the
experiments of a bench; out: the result of each. Or in: a model and any number of images; out: a folder of Parquet
files with a row for each image. Or in: a station's settings; out: where its models score. That is in
`patchsieve.scaleout.serving`, to be imported by itself: workers need nothing that a station takes.
"""

from patchsieve.scaleout.benching import bench_on_cluster
from patchsieve.scaleout.cluster import connected, processors
from patchsieve.scaleout.features import FeatureBlocks
from patchsieve.scaleout.fitting import fit_on_cluster
from patchsieve.scaleout.predicting import Predicted, predict_on_cluster

__all__ = [
    "FeatureBlocks",
    "Predicted",
    "bench_on_cluster",
    "connected",
    "fit_on_cluster",
    "predict_on_cluster",
    "processors",
]
