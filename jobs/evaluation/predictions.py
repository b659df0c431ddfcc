"""The ``predictions`` table: scores of a day's rows, one partition per variant of the ranker."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.evaluation.scored_day import BASELINE, LEAKED
from jobs.lake import Lake, Partition, schemas
from jobs.lake.addresses import ranker_keys
from jobs.preference.leak import Leak
from jobs.scenarios import Mode, Scenario


def variant_name(leak: Leak, mode: str, variant: str) -> str:
    """Return the name of a variant's partition: ``baseline``, or ``<kind>-<mode>-<horizon>``.

    In swap mode all kinds share one baseline. In the other modes each kind has its baseline,
    fitted together with it.
    """
    if mode == Mode.SWAP and variant == BASELINE:
        return BASELINE
    name = f"{leak.preference}-{mode}-{leak.horizon}"
    return name if variant == LEAKED else f"{name}-{variant}"


def predictions_partition(scenario: Scenario, day: date, name: str) -> Partition:
    keys = (*ranker_keys(scenario), ("variant", name))
    return Partition("predictions", scenario.name, day, keys)


def publish_predictions(
    lake: Lake,
    scenario: Scenario,
    day: date,
    rows: pa.Table,
    item_updates: NDArray[np.int64],
    scores: Mapping[str, tuple[NDArray[np.float64], NDArray[np.bool_]]],
    inputs: Mapping[str, str],
) -> None:
    """Publish the scores of some variants.

    Args:
        lake: The lake to write to.
        scenario: The scenario of the rows.
        day: Day of the rows.
        rows: Columns of the table besides scores.
        item_updates: How often the ranker has trained the row's item, shape (rows,).
        scores: By name of the partition: probabilities, shape (seeds, rows), and whether the
            leaked table covers the row, shape (rows,).
        inputs: Digests of what the scores were made from.
    """
    schema = schemas.predictions(scenario)
    for name, (probabilities, covered) in scores.items():
        table = (
            rows.append_column("score", pa.array(probabilities.mean(axis=0)))
            .append_column("seed_scores", _lists(probabilities))
            .append_column("covered", pa.array(covered))
            .append_column("item_updates", pa.array(item_updates))
        )
        partition = predictions_partition(scenario, day, name)
        with lake.attempt([partition]) as attempt:
            attempt.write_table("part-00000.parquet", table.select(schema.names).cast(schema))
            attempt.publish(partition, inputs=inputs, schema=schema)


def read_seed_scores(
    lake: Lake, partition: Partition, inputs: Mapping[str, str]
) -> pa.Table | None:
    """Return the predictions of a partition if they were made from these inputs, else None."""
    manifest = lake.manifest(partition)
    if manifest is None or dict(manifest.inputs) != dict(inputs):
        return None
    return lake.read(partition)


def seed_scores(table: pa.Table, seeds: int) -> NDArray[np.float64]:
    """Return the probabilities of a predictions table, shape (seeds, rows), also without rows."""
    flat = table["seed_scores"].combine_chunks().flatten().to_numpy()
    return np.ascontiguousarray(flat.reshape(table.num_rows, seeds).T)


def _lists(probabilities: NDArray[np.float64]) -> pa.ListArray:
    seeds, rows = probabilities.shape
    offsets = pa.array(np.arange(rows + 1) * seeds, pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.array(probabilities.T.ravel()))
