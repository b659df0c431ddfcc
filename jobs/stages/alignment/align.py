"""Stage ``align``: the scenario's encoder, aligned with each kind of preference data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.scenarios import Scenario
from jobs.stages.alignment.request import AlignmentRequest, AlignmentRequestOptions
from jobs.stages.stage import Stage

if TYPE_CHECKING:
    from jobs.lake import Lake


def align_encoders(lake: Lake, scenario: Scenario, request: AlignmentRequest) -> None:
    """Align one encoder for each kind of preference data, as of the alignment day.

    Raises:
        InputError: If the items of a kind are not curated, or an encoder cannot be aligned.
    """
    from jobs.alignment.training.align import align

    for kind in request.kinds:
        align(lake, scenario, kind.name, request.aligned_at)


def _run(lake: Lake, scenario: Scenario, options: AlignmentRequestOptions) -> None:
    align_encoders(lake, scenario, options.request(lake, scenario))


ALIGN = Stage(
    name="align",
    summary="the content encoder, aligned with each kind of preference data",
    options=AlignmentRequestOptions,
    run=_run,
    # All but the first are read for an adaptor.
    needs=("preference_items", "items", "impressions", "history", "statistics", "checkpoints"),
    publishes=("encoders",),
    on_gpu=True,
)
