"""AUC Improvement Scores made by hand."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from jobs.ais.ais_result import AisResult
from jobs.ais.diagnosis import Diagnosis
from jobs.evaluation.result import LisResult, Slice
from jobs.stats.estimate import Estimate
from tests.jobs.tracking.sample_results import make_result

IMPROVEMENT = {
    "ais": Estimate(0.0110, 0.0062, 0.0159, 0.0024),
    "realised": Estimate(0.70, 0.39, 1.20),
    "ais_per_recall": Estimate(0.0005, 0.00028, 0.00072),
    "alignment_gain": Estimate(0.0016, -0.0041, 0.0073),
    "unaligned_content": Estimate(0.0095, 0.0046, 0.0143),
    "unrealised": Estimate(0.0048, -0.0022, 0.0118),
    "ais_placebo": Estimate(0.0, 0.0, 0.0),
    "ais_rows_needed": None,
}


def make_improvement(**changes: Any) -> AisResult:
    """A result with an AIS of 0.0110; keywords replace fields."""
    bound = make_result()
    values = {field.name: getattr(bound, field.name) for field in fields(LisResult)}
    values |= {
        "mode": "probe",
        "figures": {**bound.figures, **IMPROVEMENT},
        "slices": (Slice("preference data", "not in it", 90, 30, Estimate(0.012, 0.007, 0.017)),),
        "encoder": "small-0123456789",
        "aligned_at": "2026-01-10",
        "recall": 0.221,
        "explained": 0.34,
        "diagnosis": Diagnosis.REALISED.value,
        "diagnosis_reason": "the AIS (+0.0110, +0.0062 to +0.0159) is 70% of the LIS",
    }
    return AisResult(**{**values, **changes})
