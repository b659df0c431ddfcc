"""How each table of the lake is made again, one partition at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial

from jobs.ais.terms import AisMode, HeadName
from jobs.common.day_range import DayRange
from jobs.common.errors import DamagedFile
from jobs.lake import Lake, Manifest, Partition
from jobs.lake.addresses import RANKER, checkpoint_days
from jobs.preference import PreferenceKind, preference_kind
from jobs.preference.leak import Leak
from jobs.scenarios import ITEM, Mode, Scenario
from jobs.stages.alignment.ais import AisOptions, score_aligned
from jobs.stages.assemble import assemble_features, assemble_kind
from jobs.stages.ingest import IngestOptions, ingest_log
from jobs.stages.request import DueScores, KindInMode, ScoreRequest
from jobs.stages.score import score
from jobs.stages.train import TrainOptions, train_lineage
from jobs.stages.upkeep.board import publish_board, publish_status
from jobs.stages.upkeep.repair import remove_damaged, withdrawn

log = logging.getLogger("jobs")

_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Damaged:
    """A damaged partition.

    Attributes:
        lake: Its lake.
        scenario: Its scenario.
        partition: Where it is.
        manifest: None if it is damaged as well.
        raw: Where the log is, if the user has said it.
    """

    lake: Lake
    scenario: Scenario
    partition: Partition
    manifest: Manifest | None
    raw: str | None

    @property
    def day(self) -> date:
        return self.partition.ds

    @property
    def keys(self) -> dict[str, str]:
        return dict(self.partition.keys)

    @property
    def days(self) -> DayRange:
        """The days of a result, which is at the last of them."""
        first = self.keys.get("pooled_from")
        return DayRange(self.day if first is None else date.fromisoformat(first), self.day)

    @property
    def kind(self) -> PreferenceKind:
        """The kind of preference data; each embedding slot has a name of its own."""
        of_items = self.scenario.model_copy(update={"slot": ITEM})
        return preference_kind(self.keys["preference"], of_items)

    def beside(self, table: str) -> Damaged:
        """The same day of another table."""
        return replace(self, partition=replace(self.partition, table=table), manifest=None)


def _rows(damaged: Damaged) -> None:
    """Impressions, items, quarantine: the day is read from the log again, which replaces it."""
    lake, day = damaged.lake, damaged.day
    try:
        impressions = lake.manifest(damaged.beside("impressions").partition)
        has_rows = impressions is not None and impressions.rows > 0
    except DamagedFile:
        has_rows = True
    # Days without a valid row can be ingested only together with others.
    first = last = day if has_rows else None
    options = IngestOptions(raw=damaged.raw, start=first, end=last)
    with withdrawn(lake, [] if damaged.manifest else [damaged.partition]):
        ingest_log(lake, damaged.scenario, options, built_until=last)


def _chained(damaged: Damaged, table: str) -> None:
    """Histories or statistics, or their state, which is published with the day that it ends."""
    from jobs.ingest.click_history import build_history
    from jobs.ingest.impression_statistics import build_statistics

    build = build_history if table == "history" else build_statistics
    with withdrawn(damaged.lake, [damaged.partition, damaged.beside(table).partition]):
        build(damaged.lake, damaged.scenario, damaged.day)


def _checkpoint(damaged: Damaged) -> None:
    from jobs.ranker.training.kept_checkpoints import restore_checkpoints

    lake, scenario, day = damaged.lake, damaged.scenario, damaged.day
    if damaged.manifest is not None:
        remove_damaged(lake, damaged.partition, damaged.manifest)
        restore_checkpoints(lake, scenario, [day])
        return
    days = checkpoint_days(lake, scenario)
    is_first = day == days[0]
    with withdrawn(lake, [damaged.partition]):
        options = TrainOptions(until=days[-1] - _ONE_DAY, since=day if is_first else None)
        train_lineage(lake, scenario, options, restart=is_first)


def _snapshot(damaged: Damaged) -> None:
    from jobs.snapshots.export import build_snapshots
    from jobs.snapshots.imported import import_snapshots
    from jobs.snapshots.kept_snapshots import restore_snapshots

    lake, scenario, day = damaged.lake, damaged.scenario, damaged.day
    if damaged.manifest is not None and scenario.snapshots is None:
        remove_damaged(lake, damaged.partition, damaged.manifest)
        restore_snapshots(lake, scenario, [day])
        return
    with withdrawn(lake, [damaged.partition]):
        if scenario.snapshots is not None:
            import_snapshots(lake, scenario)
        else:
            build_snapshots(lake, scenario, day - _ONE_DAY)


def _features(damaged: Damaged) -> None:
    from jobs.spark.session import one_session

    horizon = int(damaged.keys["horizon"])
    with withdrawn(damaged.lake, [damaged.partition]), one_session():
        assemble_kind(
            damaged.lake, damaged.scenario, damaged.kind, [damaged.day], [horizon] * bool(horizon)
        )


def _result(damaged: Damaged) -> None:
    """A Leakage Impact Score."""
    lake, keys = damaged.lake, damaged.keys
    request = ScoreRequest(
        damaged.scenario,
        DueScores(damaged.days, (int(keys["horizon"]),)),
        (KindInMode(damaged.kind, Mode(keys["mode"])),),
    )
    with withdrawn(lake, [damaged.partition]):
        assemble_features(lake, request)
        score(lake, request)


def _predictions(damaged: Damaged) -> None:
    """Predictions are computed when a result of theirs is; without one, when they are needed."""
    with withdrawn(damaged.lake, [damaged.partition]):
        for result in _results_of(damaged):
            MAKERS[result.partition.table](result)
            if damaged.lake.is_published(damaged.partition):
                return
        log.info("%s: no result of the day has these predictions", damaged.partition)


def _results_of(damaged: Damaged) -> Iterator[Damaged]:
    """The results of single days that may have been measured on predictions."""
    from jobs.evaluation.predictions import variant_name
    from jobs.evaluation.scored_day import BASELINE, KNOWN, LEAKED, PLACEBO
    from jobs.evaluation.scored_day import RANKER as OWN

    variant = damaged.keys["variant"]
    for table in ("lis", "ais"):
        for keys in damaged.lake.keys_below(table, damaged.scenario.name, damaged.day):
            result = replace(damaged, partition=replace(damaged.partition, table=table, keys=keys))
            named = result.keys
            if named[RANKER] != damaged.keys[RANKER] or "pooled_from" in named:
                continue
            mode = named["mode"]
            if table == "ais":
                first = (table, named["preference"], named["encoder"], named["aligned_at"], mode)
                has_variant = variant.startswith("-".join((*first, "")))
            else:
                leak = Leak(named["preference"], int(named["horizon"]))
                names = [variant_name(leak, mode, of) for of in (BASELINE, LEAKED, KNOWN, PLACEBO)]
                has_variant = variant in names
            if has_variant or (variant == OWN and mode not in (Mode.SWAP, AisMode.LINEAGE)):
                yield result


def _ais(damaged: Damaged) -> None:
    keys = damaged.keys
    mode = AisMode(keys["mode"])
    has_head = mode != AisMode.LINEAGE
    options = AisOptions(
        as_of=damaged.days,
        preference=(keys["preference"],),
        aligned_at=date.fromisoformat(keys["aligned_at"]),
        horizons=(int(keys["horizon"]),) if has_head else None,
        mode=(mode,),
        head=(HeadName(keys.get("head", HeadName.RAW)),) if has_head else None,
    )
    with withdrawn(damaged.lake, [damaged.partition]):
        score_aligned(damaged.lake, damaged.scenario, options)


def _gate(damaged: Damaged) -> None:
    from jobs.gate.decide import gate_decision
    from jobs.gate.record import record_decision

    lake, scenario = damaged.lake, damaged.scenario
    log.warning("%s: earlier decisions are lost here; MLflow has them", damaged.partition)
    with withdrawn(lake, [damaged.partition]):
        decision = gate_decision(lake, scenario, damaged.keys["preference"], damaged.day, None)
        record_decision(lake, scenario, decision)


def _curated(damaged: Damaged) -> None:
    from jobs.alignment.curation.publish_items import publish_preference_items
    from jobs.spark.session import one_session

    with withdrawn(damaged.lake, [damaged.partition]), one_session():
        publish_preference_items(damaged.lake, damaged.scenario, damaged.kind, damaged.day)


def _encoder(damaged: Damaged) -> None:
    from jobs.alignment.training.align import align

    with withdrawn(damaged.lake, [damaged.partition]):
        align(damaged.lake, damaged.scenario, damaged.keys["preference"], damaged.day)


def _vectors(damaged: Damaged) -> None:
    from jobs.alignment.vectors import publish_vectors

    keys = damaged.keys
    aligned_at = date.fromisoformat(keys["aligned_at"])
    with withdrawn(damaged.lake, [damaged.partition]):
        publish_vectors(damaged.lake, damaged.scenario, keys["preference"], aligned_at, damaged.day)


def _importances(damaged: Damaged) -> None:
    from jobs.lis.slot_importance.importance import slot_importances

    with withdrawn(damaged.lake, [damaged.partition]):
        slot_importances(damaged.lake, damaged.scenario, damaged.day)


def _tuning(damaged: Damaged) -> None:
    with withdrawn(damaged.lake, [damaged.partition]):
        log.info("%s: lis tune validates this ranker again", damaged.partition)


def _board(damaged: Damaged) -> None:
    year = DayRange(damaged.day, date(damaged.day.year, 12, 31))
    with withdrawn(damaged.lake, [damaged.partition]):
        publish_board(damaged.lake, damaged.scenario, year)


def _status(damaged: Damaged) -> None:
    with withdrawn(damaged.lake, [damaged.partition]):
        publish_status(damaged.lake, damaged.scenario)


MAKERS: dict[str, Callable[[Damaged], None]] = {
    "impressions": _rows,
    "items": _rows,
    "quarantine": _rows,
    "history": partial(_chained, table="history"),
    "recent_clicks": partial(_chained, table="history"),
    "statistics": partial(_chained, table="statistics"),
    "recent_counts": partial(_chained, table="statistics"),
    "checkpoints": _checkpoint,
    "snapshots": _snapshot,
    "features": _features,
    "predictions": _predictions,
    "lis": _result,
    "importances": _importances,
    "tuning": _tuning,
    "gate": _gate,
    "preference_items": _curated,
    "encoders": _encoder,
    "item_vectors": _vectors,
    "ais": _ais,
    "board": _board,
    "status": _status,
}
