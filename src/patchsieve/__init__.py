"""PatchSieve learns what normal looks like from production images nobody has cleaned, then finds defects."""
