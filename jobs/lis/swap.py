"""Swap mode: M_T scores day T with its own item table and with that of each M_{T+n}.

Source: arXiv 2508.04963; nothing is trained. The headline is on held-out rows: the later ranker
has trained on the others, so on those it remembers labels (reported as ``memorisation``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from jobs.lake import Lake, schemas
from jobs.lake.manifest import digest_of
from jobs.lake.rankers import checkpoint_partition, feature_partition
from jobs.lis.predictions import publish_predictions, variant_name
from jobs.lis.result import LisResult
from jobs.lis.scored import LEAKED, ScoredDay
from jobs.lis.slices import slice_values
from jobs.lis.targets import MadeFrom, Scoring, evaluate
from jobs.preference import Mode, PreferenceKind
from jobs.ranker.score import BASELINE, SlotTable, score_day
from jobs.scenarios import Scenario

MODE: Mode = "swap"


def score_swap(
    lake: Lake,
    scenario: Scenario,
    kind: PreferenceKind,
    as_ofs: Sequence[date],
    horizons: Sequence[int],
) -> list[LisResult]:
    """Score days at all horizons, one pass over each day's rows; pooled too for several days.

    Publishes ``predictions`` and ``lis``. A result whose inputs have not changed is read back and
    not made again. Returns single days by day and horizon, then the pooled ones by horizon.

    Raises:
        InputError: an item table is not assembled, or the lineage does not reach T.
    """
    scoring = Scoring(
        kind=kind,
        mode=MODE,
        made_from=lambda day, horizon: _made_from(lake, scenario, kind, day, horizon),
        score_day=lambda day, leaks: _score_day(lake, scenario, kind, day, leaks),
        eval_rows_seen=kind.eval_rows_seen,
    )
    return evaluate(lake, scenario, scoring, as_ofs, horizons)


def _made_from(
    lake: Lake, scenario: Scenario, kind: PreferenceKind, day: date, horizon: int
) -> MadeFrom:
    name = scenario.name
    table = lake.require(
        feature_partition(scenario, kind.name, day, horizon),
        f"python -m jobs lis --scenario {name} assembles it",
    )
    checkpoint = lake.require(
        checkpoint_partition(scenario, day), f"run python -m jobs train --scenario {name}"
    )
    data = digest_of(table.inputs["impressions"], table.inputs["history"], checkpoint.digest)
    return MadeFrom(data, table.digest)


def _score_day(
    lake: Lake, scenario: Scenario, kind: PreferenceKind, day: date, horizons: Sequence[int]
) -> Mapping[int, ScoredDay]:
    """Score a day at all horizons and publish its predictions."""
    # Stored vectors are lists of any length; an item table has one length.
    contract = schemas.features(scenario, kind.keyed_by, dim=scenario.ranker.embedding_dim)
    slot = schemas.key_column(kind.keyed_by)
    names = {horizon: variant_name(kind.name, MODE, horizon, LEAKED) for horizon in horizons}
    tables = {
        names[horizon]: SlotTable.from_arrow(
            lake.read(feature_partition(scenario, kind.name, day, horizon))
            .select(contract.names)
            .cast(contract),
            slot,
        )
        for horizon in horizons
    }
    scores = score_day(lake, scenario, day, tables, slot=slot)
    stacked = {name: values[None] for name, values in scores.scores.items()}
    published = {name: (values, scores.covered[name]) for name, values in stacked.items()}
    publish_predictions(lake, scenario, day, scores.rows, scores.item_updates, published, {})
    slices = slice_values(lake, scenario, day, scores.rows, scores.item_updates)
    return {
        horizon: ScoredDay(
            rows=scores.rows,
            variants={BASELINE: stacked[BASELINE], LEAKED: stacked[name]},
            covered=scores.covered[name],
            slices=slices,
        )
        for horizon, name in names.items()
    }
