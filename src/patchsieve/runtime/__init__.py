"""Runtime: models at work, from a `.sieve` file or from an exported folder without torch.

In: a model on disk, and images as files, folders or uint8 RGB arrays `[H, W, 3]`. Out: the same `Result` whatever the
model runs on: anomaly scores float32 `[N]`, anomaly maps float32 `[N, h, w]` in the model frame, verdicts, regions.
Importing this room takes neither torch nor SciPy nor scikit-learn; `patchsieve.runtime.export`, which writes the
folders, needs them.
"""

from patchsieve.runtime.engines import ENGINES
from patchsieve.runtime.exported import ExportedModel, load_exported
from patchsieve.runtime.opening import Model, open_model
from patchsieve.runtime.together import score_together

__all__ = ["ENGINES", "ExportedModel", "Model", "load_exported", "open_model", "score_together"]
