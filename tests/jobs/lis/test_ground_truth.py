"""On a simulated feed with known ground truth, the LIS follows it.

The rankers here have the items' content as an input. Item embeddings of later rankers can add only
the idiosyncratic part of taste, whose share the simulator sets.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from jobs.lake import Lake, Partition, schemas
from jobs.lake.addresses import feature_partition
from jobs.lake.folds import fold_of
from jobs.lis.fitted_modes import score_fitted
from jobs.lis.retrain import Retrain
from jobs.preference import preference_kind
from jobs.ranker.lineage import extend_lineage
from jobs.ranker.model.checkpoint import read_checkpoint
from jobs.scenarios import ITEM, Scenario
from jobs.sources.simulator import SimulatorOptions, alive_items, generate_day

FIRST = date(2026, 1, 1)
HORIZON, FIT_DAYS, DAYS = 6, 6, 20
AS_OFS = [FIRST + timedelta(days=day) for day in (10, 11, 12, 13)]
SCENARIO = {
    "name": "known_feed",
    "source": {"reader": "simulated"},
    "folds": {"lineage": 0.5, "fit": 0.25, "eval": 0.25},
    "history_length": 10,
    "ranker": {
        "embedding_dim": 8,
        "cross_layers": 1,
        "hidden_units": [32],
        "history_length": 10,
        "statistics": False,
        "batch_size": 256,
        "embedding_rate": 0.3,
        "side_information": ["content_vector"],
    },
    "fit": {"days": FIT_DAYS},
    "retrain": {"seeds": 1},
}


def lis_of_embeddings(folder: Path, idiosyncratic_share: float, seed: int) -> float:
    """The LIS of id_embedding in a simulated world, for rankers with the items' content."""
    lake = Lake(str(folder / f"{idiosyncratic_share}-{seed}"))
    scenario = Scenario.model_validate(SCENARIO)
    options = SimulatorOptions(
        seed=seed,
        start=FIRST,
        users=120,
        rows_per_day=2_000,
        new_items_per_day=6,
        item_life_days=20,
        taste_strength=2.0,
        idiosyncratic_share=idiosyncratic_share,
    )
    publish_log(lake, scenario, options)
    extend_lineage(lake, scenario, FIRST + timedelta(days=DAYS - 1), progress=False)
    days = {as_of - timedelta(days=back) for as_of in AS_OFS for back in range(FIT_DAYS + 1)}
    for day in sorted(days):
        for horizon in (0, HORIZON):
            publish_embeddings(lake, scenario, day, horizon)
        publish_content(lake, scenario, options, day)
    kind = preference_kind("id_embedding", scenario)
    mode = Retrain(scenario.retrain)
    return score_fitted(lake, scenario, mode, [kind], AS_OFS, [HORIZON])[-1].lis


def publish_log(lake: Lake, scenario: Scenario, options: SimulatorOptions) -> None:
    """Impressions and histories of all days; histories by a plain loop."""
    clicks: dict[int, list[int]] = {}
    for offset in range(DAYS):
        day = FIRST + timedelta(days=offset)
        rows = pa.concat_tables([chunk.impressions for chunk in generate_day(options, day)])
        folds = [fold_of(scenario, key) for key in rows["impression_id"].to_pylist()]
        table = rows.append_column("fold", pa.array(folds))
        publish(lake, scenario, "impressions", day, table)
        publish(lake, scenario, "statistics", day, no_counts(scenario, table))
        histories = []
        for row in table.to_pylist():
            before = clicks.setdefault(row["user_id"], [])
            histories.append(
                {**row, "items": list(before[-10:]), "lineage_items": list(before[-10:])}
            )
            if row["label"] and row["fold"] == "lineage":
                before.append(row["item_id"])
        publish(
            lake,
            scenario,
            "history",
            day,
            pa.Table.from_pylist(histories, schemas.history(scenario)),
        )


def no_counts(scenario: Scenario, impressions: pa.Table) -> pa.Table:
    """Statistics that say nothing; only the simple models beside the rankers read them."""
    rows = len(impressions)
    columns = {
        field.name: impressions[field.name]
        if field.name in ("impression_id", "ts")
        else pa.nulls(rows, field.type)
        if field.type == pa.float32()
        else pa.array(np.zeros(rows), field.type)
        for field in schemas.statistics(scenario)
    }
    return pa.table(columns)


def publish(lake: Lake, scenario: Scenario, name: str, day: date, table: pa.Table) -> None:
    schema: pa.Schema = getattr(schemas, name)(scenario)
    publish_at(lake, Partition(name, scenario.name, day), table.select(schema.names).cast(schema))


def publish_at(lake: Lake, partition: Partition, table: pa.Table) -> None:
    with lake.attempt([partition]) as attempt:
        attempt.write_table("part-00000.parquet", table)
        attempt.publish(partition, inputs={}, schema=table.schema)


def publish_embeddings(lake: Lake, scenario: Scenario, day: date, horizon: int) -> None:
    ranker = read_checkpoint(lake, scenario, day + timedelta(days=horizon))
    block = ranker.table.block(ITEM)
    table = vectors(scenario, ranker.vocabularies[ITEM].ids, block.embedding)
    publish_at(lake, feature_partition(scenario, "id_embedding", day, horizon), table)


def publish_content(lake: Lake, scenario: Scenario, options: SimulatorOptions, day: date) -> None:
    items = alive_items(options, day)
    flat = items["vector"].combine_chunks().flatten().to_numpy().reshape(len(items), -1)
    table = vectors(scenario, items["item_id"].combine_chunks(), flat)
    publish_at(lake, feature_partition(scenario, "content_vector", day, 0), table)


def vectors(scenario: Scenario, ids: pa.Array, embedding: np.ndarray) -> pa.Table:
    columns = {
        "item_id": ids,
        "embedding": list(embedding.astype(np.float32)),
        "updates": np.zeros(len(ids), np.int64),
        "last_event": pa.nulls(len(ids), schemas.TIMESTAMP),
    }
    return pa.table(columns).cast(schemas.features(scenario))


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [(1, 2, 3)])
def test_embeddings_have_a_higher_lis_where_content_explains_less(
    tmp_path: Path, seeds: tuple[int, ...]
) -> None:
    explained = [lis_of_embeddings(tmp_path, 0.0, seed) for seed in seeds]
    unexplained = [lis_of_embeddings(tmp_path, 1.0, seed) for seed in seeds]
    assert np.mean(unexplained) > np.mean(explained)
    assert np.mean(unexplained) > 0
