"""Stage ``assemble``: item snapshots of the rankers, and preference data at T and at T+n."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from jobs.common.day_range import parse_day
from jobs.common.options import option
from jobs.preference import PreferenceKind, preference_kind
from jobs.preference.kinds.id_embedding import IdEmbedding
from jobs.scenarios import ITEM, Mode, Scenario
from jobs.stages.ingest import last_ingested_day
from jobs.stages.request import ScoreRequest, require_due
from jobs.stages.score_options import DueOptions
from jobs.stages.stage import Stage

if TYPE_CHECKING:
    from jobs.lake import Lake

log = logging.getLogger("jobs")


@dataclass(frozen=True, kw_only=True)
class AssembleOptions(DueOptions):
    """The leaks to assemble, and how far snapshots go."""

    until: date | None = option(parse_day, "last day of data (default: last ingested)")


def publish_snapshots(lake: Lake, scenario: Scenario, until: date | None) -> None:
    """Publish the item table of every checkpoint that has none, or import those of a custom ranker.

    Files of old checkpoints that need not be kept are removed, once their item table is published.

    Args:
        lake: Holds the checkpoints.
        scenario: The feed and its ranker.
        until: Last day of data; None for the last ingested one.
    """
    if scenario.snapshots is not None:
        from jobs.snapshots.imported import import_snapshots

        done = import_snapshots(lake, scenario)
    else:
        from jobs.ranker.training.kept_checkpoints import thin_checkpoints
        from jobs.snapshots.export import build_snapshots
        from jobs.snapshots.kept_snapshots import thin_snapshots
        from jobs.spark.progress import spark_progress

        last = until or last_ingested_day(lake, scenario)
        with spark_progress("item snapshots"):
            done = build_snapshots(lake, scenario, last)
        thin_checkpoints(lake, scenario)
        thin_snapshots(lake, scenario)
    log.info("%s: snapshots of %d days", scenario.name, len(done))


def assemble_features(lake: Lake, request: ScoreRequest) -> None:
    """Publish feature tables at T and T+n of every kind.

    Probe and retrain mode train on the days before T, so they need the tables of those days too.

    Raises:
        NotDue: If the future of a horizon has not arrived yet.
        InputError: If the lineage does not cover the days.
    """
    from jobs.evaluation.fit_window import fit_days
    from jobs.lake.addresses import starting_ranker_days
    from jobs.spark.session import one_session

    scenario, horizons = request.scenario, request.horizons
    require_due(lake, scenario, request.due)
    rankers = starting_ranker_days(lake, scenario)
    days_of: dict[str, set[date]] = {}
    for one in request.kinds:
        days = days_of.setdefault(one.kind.name, set())
        days.update(request.days)
        if one.mode != Mode.SWAP:
            for as_of in request.days:
                days.update(fit_days(scenario, rankers, as_of))
    kinds = {one.kind.name: one.kind for one in request.kinds}
    with one_session():
        for name, days in days_of.items():
            assemble_kind(lake, scenario, kinds[name], days, horizons)
        if any(one.mode != Mode.SWAP for one in request.kinds):
            every_day = sorted(set().union(*days_of.values()))
            for name in scenario.ranker.side_information:
                assemble_kind(lake, scenario, preference_kind(name, scenario), every_day, [0])


def assemble_kind(
    lake: Lake,
    scenario: Scenario,
    kind: PreferenceKind,
    days: Collection[date],
    horizons: Sequence[int],
) -> None:
    """Publish the feature tables of a kind at T and T+n of some days T.

    Raises:
        InputError: If data that a table is computed from is not published.
    """
    from jobs.preference.build_tables import assemble_tables
    from jobs.ranker.training.kept_checkpoints import restore_checkpoints
    from jobs.snapshots.kept_snapshots import restore_snapshots
    from jobs.spark.progress import spark_progress

    if isinstance(kind, IdEmbedding):
        restore = restore_snapshots if kind.slot == ITEM else restore_checkpoints
        restore(lake, scenario, {day + timedelta(days=n) for day in days for n in (0, *horizons)})
    with spark_progress(f"features {kind.name}"):
        done = assemble_tables(lake, scenario, kind, sorted(days), horizons)
    log.info("%s: %d feature tables of %s", scenario.name, len(done), kind.name)


def _run(lake: Lake, scenario: Scenario, options: AssembleOptions) -> None:
    from jobs.spark.session import one_session

    scenario = options.applied_to(scenario)
    requests = options.requests(lake, scenario)
    with one_session():
        publish_snapshots(lake, scenario, options.until)
        for request in requests:
            assemble_features(lake, request)


ASSEMBLE = Stage(
    name="assemble",
    summary="item snapshots of the rankers, and preference data at T and at T+n",
    options=AssembleOptions,
    run=_run,
    needs=("impressions", "items", "history", "checkpoints"),
    publishes=("snapshots", "features"),
    on_spark=True,
)
