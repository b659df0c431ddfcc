"""Swap mode: M_T scores day T with its own item table and with the table of each M_{T+n}.

Source: arXiv 2508.04963; nothing is trained. The headline figure is measured on held-out rows: the
later ranker has been trained on the other rows of T and remembers their labels, which is reported
as ``memorisation``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date

from jobs.common.code_digest import code_digest
from jobs.evaluation.predictions import publish_predictions, variant_name
from jobs.evaluation.result import LisResult
from jobs.evaluation.scored_day import LEAKED, ScoredDay
from jobs.evaluation.slices import slice_values
from jobs.lake import Lake, schemas
from jobs.lake.addresses import checkpoint_partition, feature_partition
from jobs.lake.manifest import digest_of
from jobs.lis.score_leaks import InputDigests, Scoring, evaluate
from jobs.preference import PreferenceKind
from jobs.preference.leak import Leak
from jobs.ranker.scoring.score_day import BASELINE, SlotTable, score_day
from jobs.scenarios import Mode, Scenario

_SCORING = "jobs.ranker.scoring.score_day"
"""The module that turns tables into scores; stored results become stale when its code changes."""


def score_swap(
    lake: Lake,
    scenario: Scenario,
    kinds: Sequence[PreferenceKind],
    as_ofs: Sequence[date],
    horizons: Sequence[int],
) -> list[LisResult]:
    """Score days with all leaks, in one pass over each day's rows; several days are pooled too.

    Publishes ``predictions`` and ``lis``. A result whose inputs have not changed is read back.

    Args:
        lake: Where tables are read and published.
        scenario: The scenario to score.
        kinds: Kinds of preference data to leak, all with vectors of an embedding slot.
        as_ofs: Days T, ascending.
        horizons: Horizons n, in days.

    Returns:
        Results of one kind after the other: single days by day and horizon, then pooled ones by
        horizon.

    Raises:
        InputError: If a table to leak is not assembled, or the lineage does not reach T.
    """
    by_name = {kind.name: kind for kind in kinds}
    scoring = Scoring(
        kinds=tuple(kinds),
        mode=Mode.SWAP,
        input_digests=lambda day, leak: _input_digests(lake, scenario, day, leak),
        score_day=lambda day, leaks: _score_day(lake, scenario, by_name, day, leaks),
    )
    return evaluate(lake, scenario, scoring, as_ofs, horizons)


def _input_digests(lake: Lake, scenario: Scenario, day: date, leak: Leak) -> InputDigests:
    name = scenario.name
    table = lake.require(
        feature_partition(scenario, leak.preference, day, leak.horizon),
        f"run python -m jobs lis --scenario {name} --as-of {day} --horizons {leak.horizon} "
        f"--preference {leak.preference}",
    )
    checkpoint = lake.require(
        checkpoint_partition(scenario, day), f"run python -m jobs train --scenario {name}"
    )
    data = digest_of(table.inputs["impressions"], table.inputs["history"], checkpoint.digest)
    return InputDigests(data, digest_of(table.digest, code_digest(_SCORING)))


def _score_day(
    lake: Lake,
    scenario: Scenario,
    kinds: Mapping[str, PreferenceKind],
    day: date,
    leaks: Sequence[Leak],
) -> Mapping[Leak, ScoredDay]:
    """Score a day with all leaks and publish its predictions."""
    by_slot: dict[str, dict[Leak, SlotTable]] = {}
    for leak in leaks:
        keyed_by = kinds[leak.preference].keyed_by
        # Vectors are stored as lists of any length; a slot's table needs one fixed length.
        contract = schemas.features(scenario, keyed_by, dim=scenario.ranker.embedding_dim)
        partition = feature_partition(scenario, leak.preference, day, leak.horizon)
        stored = lake.read(partition).select(contract.names).cast(contract)
        slot = schemas.key_column(keyed_by)
        by_slot.setdefault(slot, {})[leak] = SlotTable.from_arrow(stored, slot)
    scored_days: dict[Leak, ScoredDay] = {}
    for slot, tables in by_slot.items():
        scored_days |= _score_slot(lake, scenario, day, slot, tables)
    return scored_days


def _score_slot(
    lake: Lake, scenario: Scenario, day: date, slot: str, tables: Mapping[Leak, SlotTable]
) -> Mapping[Leak, ScoredDay]:
    names = {leak: variant_name(leak, Mode.SWAP, LEAKED) for leak in tables}
    by_name = {names[leak]: table for leak, table in tables.items()}
    scores = score_day(lake, scenario, day, by_name, slot=slot)
    stacked = {name: values[None] for name, values in scores.scores.items()}
    published = {name: (values, scores.covered[name]) for name, values in stacked.items()}
    rows, updates = scores.rows, scores.item_updates
    # Compressing a million scores takes as long as computing their slices, so both run at once.
    with ThreadPoolExecutor(1, "publish") as thread:
        publishing = thread.submit(
            publish_predictions, lake, scenario, day, rows, updates, published, {}
        )
        slices = slice_values(lake, scenario, day, rows, updates)
        publishing.result()
    return {
        leak: ScoredDay(
            rows=rows,
            variants={BASELINE: stacked[BASELINE], LEAKED: stacked[name]},
            covered=scores.covered[name],
            slices=slices,
        )
        for leak, name in names.items()
    }
