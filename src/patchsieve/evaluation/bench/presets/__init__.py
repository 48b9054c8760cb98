"""Benches by name: the tables and figures of the papers, and ablations for any data.

In comes a name; out come systems with all their settings, conditions, and the published tables to compare with.
"""

from patchsieve.evaluation.bench.presets.ablations import ABLATION_PRESETS
from patchsieve.evaluation.bench.presets.papers import PAPER_PRESETS
from patchsieve.evaluation.bench.presets.preset import BenchPreset

BENCH_PRESETS: dict[str, BenchPreset] = {
    preset.name: preset for preset in (*PAPER_PRESETS, *ABLATION_PRESETS)
}

__all__ = ["BENCH_PRESETS", "BenchPreset"]
