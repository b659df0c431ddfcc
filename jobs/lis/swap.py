"""Swap mode: M_T scores day T with its own item table and with that of each M_{T+n}.

Source: arXiv 2508.04963; nothing is trained. The headline is on held-out rows: the later ranker
has trained on the others, so on those it remembers labels (reported as ``memorisation``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date

from jobs.evaluation.predictions import publish_predictions, variant_name
from jobs.evaluation.result import LisResult
from jobs.evaluation.scored_day import LEAKED, ScoredDay
from jobs.evaluation.slices import slice_values
from jobs.lake import Lake, schemas
from jobs.lake.addresses import checkpoint_partition, feature_partition
from jobs.lake.manifest import digest_of
from jobs.lis.score_leaks import MadeFrom, Scoring, evaluate
from jobs.preference import PreferenceKind
from jobs.preference.leak import Leak
from jobs.ranker.scoring.score_day import BASELINE, SlotTable, score_day
from jobs.scenarios import Mode, Scenario


def score_swap(
    lake: Lake,
    scenario: Scenario,
    kinds: Sequence[PreferenceKind],
    as_ofs: Sequence[date],
    horizons: Sequence[int],
) -> list[LisResult]:
    """Score days with all leaks, one pass over each day's rows; pooled too for several days.

    Publishes ``predictions`` and ``lis``. A result whose inputs have not changed is read back and
    not made again. Returns the results of one kind after the other: single days by day and
    horizon, then the pooled ones by horizon.

    Raises:
        InputError: an item table is not assembled, or the lineage does not reach T.
    """
    by_name = {kind.name: kind for kind in kinds}
    scoring = Scoring(
        kinds=tuple(kinds),
        mode=Mode.SWAP,
        made_from=lambda day, leak: _made_from(lake, scenario, day, leak),
        score_day=lambda day, leaks: _score_day(lake, scenario, by_name, day, leaks),
    )
    return evaluate(lake, scenario, scoring, as_ofs, horizons)


def _made_from(lake: Lake, scenario: Scenario, day: date, leak: Leak) -> MadeFrom:
    name = scenario.name
    table = lake.require(
        feature_partition(scenario, leak.preference, day, leak.horizon),
        f"python -m jobs lis --scenario {name} assembles it",
    )
    checkpoint = lake.require(
        checkpoint_partition(scenario, day), f"run python -m jobs train --scenario {name}"
    )
    data = digest_of(table.inputs["impressions"], table.inputs["history"], checkpoint.digest)
    return MadeFrom(data, table.digest)


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
        # Stored vectors are lists of any length; a slot's table has one length.
        contract = schemas.features(scenario, keyed_by, dim=scenario.ranker.embedding_dim)
        partition = feature_partition(scenario, leak.preference, day, leak.horizon)
        stored = lake.read(partition).select(contract.names).cast(contract)
        slot = schemas.key_column(keyed_by)
        by_slot.setdefault(slot, {})[leak] = SlotTable.from_arrow(stored, slot)
    found: dict[Leak, ScoredDay] = {}
    for slot, tables in by_slot.items():
        found |= _score_slot(lake, scenario, day, slot, tables)
    return found


def _score_slot(
    lake: Lake, scenario: Scenario, day: date, slot: str, tables: Mapping[Leak, SlotTable]
) -> Mapping[Leak, ScoredDay]:
    names = {leak: variant_name(leak, Mode.SWAP, LEAKED) for leak in tables}
    by_name = {names[leak]: table for leak, table in tables.items()}
    scores = score_day(lake, scenario, day, by_name, slot=slot)
    stacked = {name: values[None] for name, values in scores.scores.items()}
    published = {name: (values, scores.covered[name]) for name, values in stacked.items()}
    rows, updates = scores.rows, scores.item_updates
    # Compressing a million scores takes as long as finding their slices.
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
