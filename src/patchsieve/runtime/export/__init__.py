"""Export: a fitted detector becomes a folder that runs without torch.

In: a fitted `Detector`. Out: a folder with one graph from uint8 RGB images `[B, H, W, 3]` to anomaly scores float32
`[B]` and anomaly maps float32 `[B, h, w]`, its numbers beside it, and `metadata.json` with thresholds, operating points
and what was measured. docs/integration.md is the contract.
"""

from patchsieve.runtime.export.writing import FORMATS, Exported, export_model

__all__ = ["FORMATS", "Exported", "export_model"]
