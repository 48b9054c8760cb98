"""A made-up inspection task: photographs of one kind of part, sound or with a defect and its exact mask.

In goes a seed; out comes uint8 RGB `[S, S, 3]` with a bool mask `[S, S]`, or a whole folder in MVTec AD's layout
with defective images hidden among the training images and the truth about them beside it. Nothing is read and
nothing is downloaded. `scene` draws what varies, `part` describes the flange, `defects` damages it, `shading` takes
the photograph.
"""

from patchsieve.images.synthetic.demo_set import DemoImage, DemoTruth, write_demo_set
from patchsieve.images.synthetic.rendering import DEFECT_KINDS, render_part

__all__ = ["DEFECT_KINDS", "DemoImage", "DemoTruth", "render_part", "write_demo_set"]
