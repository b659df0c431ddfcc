"""What a gain is worth to the team, and what an alignment costs it."""

from __future__ import annotations

from pydantic import Field

from jobs.scenarios.base import Frozen


class Worth(Frozen):
    """What a gain is worth and what an alignment costs, both in the same unit.

    Results then set the interval of the AUC gain against the cost.
    """

    auc_point: float = Field(gt=0, description="value of +0.01 AUC over the life of an alignment")
    alignment: float = Field(
        gt=0, description="cost of one alignment: data, fine-tuning, inference and evaluation"
    )
    unit: str = Field("", description="unit of both, such as EUR or GPU hours (default: none)")
