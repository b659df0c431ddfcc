"""Stage ``curate``: the items that encoders are aligned on, one table for each kind."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from jobs.common.day_range import DayRange
from jobs.scenarios import Scenario
from jobs.stages.alignment.request import AlignmentRequest, AlignmentRequestOptions
from jobs.stages.stage import Stage

if TYPE_CHECKING:
    from jobs.lake import Lake

log = logging.getLogger("jobs")


def curate_items(lake: Lake, scenario: Scenario, request: AlignmentRequest) -> None:
    """Publish the items of each kind of preference data, as of the alignment day.

    Raises:
        InputError: If a kind does not describe items, too few items are left, or the ranker of the
            day is stale.
    """
    from jobs.alignment.curation.curation_facts import CurationFacts
    from jobs.alignment.curation.publish_items import publish_preference_items
    from jobs.spark.progress import spark_progress
    from jobs.spark.session import one_session
    from jobs.stages.request import DueScores, require_current

    day = DayRange(request.aligned_at, request.aligned_at)
    require_current(lake, scenario, DueScores(day, (0,)))
    with one_session():
        for kind in request.kinds:
            with spark_progress(f"items of {kind.name}"):
                manifest = publish_preference_items(lake, scenario, kind, request.aligned_at)
            facts = CurationFacts.from_json(manifest.facts)
            log.info(
                "%s: %s items of %s as of %s, %s to train on and %s to validate with; of %s items "
                "in the snapshot, %s%s",
                scenario.name,
                f"{facts.kept:,}",
                kind.name,
                request.aligned_at,
                f"{facts.train:,}",
                f"{facts.validation:,}",
                f"{facts.items:,}",
                facts.losses,
                "" if facts.is_balanced else "; none has words, so none is balanced",
            )


def _run(lake: Lake, scenario: Scenario, options: AlignmentRequestOptions) -> None:
    curate_items(lake, scenario, options.request(lake, scenario))


CURATE = Stage(
    name="curate",
    summary="the items that encoders are aligned on, balanced and split, with their targets",
    options=AlignmentRequestOptions,
    run=_run,
    needs=("snapshots", "items", "impressions"),
    publishes=("preference_items",),
    on_spark=True,
)
