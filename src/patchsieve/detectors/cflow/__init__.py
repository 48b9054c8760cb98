"""CFLOW-AD: the likelihood of a patch at its place, by conditional normalizing flows.

In: patch features `[N, H, W, C]` with the channels of each layer. Out: one trained flow per layer, and scores
`[B, H, W]`.
"""

from patchsieve.detectors.cflow.detector import CFlow

__all__ = ["CFlow"]
