"""Stage ``vectors``: the vectors of all items by aligned encoders, and as content was before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.scenarios import Scenario
from jobs.stages.alignment.request import AlignmentRequest, AlignmentRequestOptions
from jobs.stages.stage import Stage

if TYPE_CHECKING:
    from jobs.lake import Lake


def publish_all_vectors(lake: Lake, scenario: Scenario, request: AlignmentRequest) -> None:
    """Publish the vectors of every evaluation day, each day on top of the one before.

    Raises:
        InputError: If an encoder is not aligned, or vectors cannot be computed.
    """
    from jobs.alignment.vectors import publish_vectors

    for kind in request.kinds:
        for day in request.days:
            publish_vectors(lake, scenario, kind.name, request.aligned_at, day)


def _run(lake: Lake, scenario: Scenario, options: AlignmentRequestOptions) -> None:
    publish_all_vectors(lake, scenario, options.request(lake, scenario))


VECTORS = Stage(
    name="vectors",
    summary="vectors of all items by the aligned encoders, and as content was before alignment",
    options=AlignmentRequestOptions,
    run=_run,
    needs=("items", "preference_items", "encoders"),
    publishes=("item_vectors",),
    on_gpu=True,
)
