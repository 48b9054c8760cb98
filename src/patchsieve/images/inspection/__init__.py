"""A look at every image before any work starts: what is there, what is broken, what would spoil a figure.

In goes an `ImageSet`; out comes an `InspectionReport` of plain counts, names and sentences. Each file is read,
hashed and decoded once, on all cores, and none of its pixels is kept.
"""

from patchsieve.images.inspection.report import ClassCount, Duplicates, InspectionReport, SizeCount
from patchsieve.images.inspection.survey import inspect_images

__all__ = ["ClassCount", "Duplicates", "InspectionReport", "SizeCount", "inspect_images"]
