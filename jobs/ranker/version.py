"""The name of a ranker design: checkpoints of different designs never share a lineage."""

from __future__ import annotations

from jobs.lake.manifest import digest_of
from jobs.ranker.fields import field_names
from jobs.scenarios import Scenario

MODEL_REVISION = 1
"""Raised by hand when the code's mathematics change, so that old checkpoints are not continued."""


def ranker_version(scenario: Scenario) -> str:
    """``dcn-`` and ten hex digits over options, fields, fold shares and ``MODEL_REVISION``."""
    digest = digest_of(
        MODEL_REVISION,
        scenario.ranker.model_dump(mode="json"),
        field_names(scenario),
        scenario.folds.model_dump(mode="json"),
    )
    return f"dcn-{digest[:10]}"
