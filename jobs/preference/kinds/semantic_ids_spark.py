"""Semantic ids of items: residual k-means of the ranker's item table.

The codes of an item name one centroid a level; a level is fitted to what the levels above leave
over (residual quantisation, as for the semantic ids of arXiv 2306.08121). The vector is the sum of
these centroids, so it lies in the ranker's own item space.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from jobs.lake import Lake
from jobs.lake.addresses import snapshot_partition
from jobs.lake.schemas import id_type
from jobs.preference.behaviour import Behaviour
from jobs.spark.session import spark_type

_COLUMNS = ("item_id", "embedding", "updates", "last_update")


@dataclass(frozen=True)
class SemanticOptions:
    """levels: codes of an item. codes: centroids a level. fit_items: items drawn to fit on."""

    levels: int = 3
    codes: int = 64
    fit_items: int = 50_000
    seed: int = 0


def semantic_ids(behaviour: Behaviour, options: SemanticOptions) -> DataFrame:
    """Every item of the snapshots with its ``codes`` and their vector, one task a ``known_at``."""
    lake_uri = behaviour.lake.uri
    ids = id_type(behaviour.scenario)
    snapshots = {
        day.isoformat(): snapshot_partition(behaviour.scenario, day) for day in behaviour.known_at
    }

    def quantise(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        lake = Lake(lake_uri)
        for batch in batches:
            for day in batch["known_at"].to_pylist():
                table = lake.read(snapshots[day], _COLUMNS)
                if table.num_rows:
                    yield from _quantised(day, table, options).to_batches()

    days = behaviour.spark.createDataFrame([(day,) for day in snapshots], "known_at string")
    item_type = spark_type(str(ids)).simpleString()
    schema = (
        f"known_at string, item_id {item_type}, embedding array<float>, codes array<int>, "
        "updates bigint, last_event timestamp"
    )
    return days.repartition(len(snapshots), "known_at").mapInArrow(quantise, schema)


def _quantised(day: str, table: pa.Table, options: SemanticOptions) -> pa.Table:
    listed = table["embedding"].combine_chunks().flatten()
    vectors = listed.to_numpy(zero_copy_only=False).reshape(table.num_rows, -1)
    codes, approximation = residual_codes(vectors, options)
    return pa.table(
        {
            "known_at": pa.repeat(pa.scalar(day), table.num_rows),
            "item_id": table["item_id"],
            "embedding": _lists(approximation, pa.float32()),
            "codes": _lists(codes, pa.int32()),
            "updates": table["updates"],
            "last_event": table["last_update"],
        }
    )


def residual_codes(
    vectors: NDArray[np.float32], options: SemanticOptions
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Codes, (items, levels), and the sums of the centroids that they name, as ``vectors``."""
    items = len(vectors)
    generator = np.random.default_rng(options.seed)
    drawn = np.sort(generator.permutation(items)[: options.fit_items])
    left = vectors.astype(np.float64)
    codes = np.empty((items, options.levels), np.int32)
    # Threads add the parts of a sum in any order, and with it change the last bits of a centroid.
    with threadpool_limits(limits=1):
        for level in range(options.levels):
            sample = left[drawn]
            clusters = min(options.codes, len(np.unique(sample, axis=0)))
            means = KMeans(clusters, n_init=1, random_state=options.seed).fit(sample)
            codes[:, level] = means.predict(left)
            left -= means.cluster_centers_[codes[:, level]]
    return codes, (vectors - left).astype(np.float32)


def _lists(values: NDArray[np.generic], kind: pa.DataType) -> pa.ListArray:
    rows, width = values.shape
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * width)
    return pa.ListArray.from_arrays(offsets, pa.array(values.reshape(-1), kind))
