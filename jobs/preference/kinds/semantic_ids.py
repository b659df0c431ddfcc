"""Semantic ids: the item-ID embedding, n days later, as a few discrete codes.

The difference to ``id_embedding`` is what a team loses that gives its ranker codes of an aligned
model in place of the vectors of the model.

Codes come from residual k-means of the ranker's item table, see ``jobs.preference.residual_codes``.
The vector is the sum of their centroids, so it is in the item space of the ranker.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from jobs.common.lazy_module import lazy_module
from jobs.preference.kinds import id_embedding
from jobs.scenarios import EvalRowsSeen, Mode

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray
    from pyspark.sql import DataFrame

    from jobs.lake import Lake, addresses, schemas
    from jobs.preference import residual_codes
    from jobs.preference.behaviour import Behaviour, TableWindow
    from jobs.scenarios import Scenario
    from jobs.spark import session
else:
    np = lazy_module("numpy")
    pa = lazy_module("pyarrow")
    addresses = lazy_module("jobs.lake.addresses")
    schemas = lazy_module("jobs.lake.schemas")
    residual_codes = lazy_module("jobs.preference.residual_codes")
    session = lazy_module("jobs.spark.session")

_COLUMNS = ("item_id", "embedding", "updates", "last_update")


@dataclass(frozen=True)
class SemanticIds:
    """Every item of the snapshots with its codes and their vector; one task for each ``known_at``.

    Attributes:
        levels: Codes of an item.
        codes: Centroids of a level.
        fit_items: Items that are sampled to fit the centroids.
        seed: Of the sample and of k-means.
    """

    name: str = "semantic_ids"
    summary: str = "the codes of the item-ID embedding that the ranker will have n days later"
    phrase: str = "codes of the item-ID embeddings that the ranker will hold {days} later"
    docs: str = (
        "The vectors of `id_embedding` through residual k-means codes: what quantisation keeps."
    )
    keyed_by: Literal["item"] = "item"
    takes: Literal["vector"] = "vector"
    modes: tuple[Mode, ...] = (Mode.SWAP, Mode.RETRAIN, Mode.PROBE)
    eval_rows_seen: EvalRowsSeen = "no"
    levels: int = 3
    codes: int = 64
    fit_items: int = 50_000
    seed: int = 0

    def build(self, behaviour: Behaviour) -> DataFrame:
        """See ``PreferenceKind.build``. A further column: ``codes``, array of int, (levels,)."""
        lake_uri = behaviour.lake.uri
        snapshots = {
            day.isoformat(): addresses.snapshot_partition(behaviour.scenario, day)
            for day in behaviour.known_at
        }
        for partition in snapshots.values():
            behaviour.lake.check(partition)

        def quantise(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            from jobs.lake import Lake, ReadCheck

            task_lake = Lake(lake_uri, ReadCheck.SIZE)
            for batch in batches:
                for day in batch["known_at"].to_pylist():
                    table = task_lake.read(snapshots[day], _COLUMNS)
                    if table.num_rows:
                        yield from self._quantised(day, table).to_batches()

        days = behaviour.spark.createDataFrame([(day,) for day in snapshots], "known_at string")
        item_type = session.spark_type(str(schemas.id_type(behaviour.scenario))).simpleString()
        schema = (
            f"known_at string, item_id {item_type}, embedding array<float>, codes array<int>, "
            "updates bigint, last_event timestamp"
        )
        return days.repartition(len(snapshots), "known_at").mapInArrow(quantise, schema)

    def inputs(
        self, lake: Lake, scenario: Scenario, windows: Sequence[TableWindow]
    ) -> Mapping[TableWindow, Mapping[str, str]]:
        """See ``KindWithInputs.inputs``: snapshots."""
        return id_embedding.slot_inputs(lake, scenario, windows)

    def _quantised(self, day: str, table: pa.Table) -> pa.Table:
        listed = table["embedding"].combine_chunks().flatten()
        vectors = listed.to_numpy(zero_copy_only=False).reshape(table.num_rows, -1)
        codes, approximation = self.residual_codes(vectors)
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
        self, vectors: NDArray[np.float32]
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Codes, (items, levels), and the sums of their centroids, of the shape of ``vectors``."""
        codebook = residual_codes.ResidualCodebook.fit(
            vectors, self.levels, self.codes, self.fit_items, self.seed
        )
        return codebook.codes(vectors)


def _lists(values: NDArray[np.generic], kind: pa.DataType) -> pa.ListArray:
    rows, width = values.shape
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * width)
    return pa.ListArray.from_arrays(offsets, pa.array(values.reshape(-1), kind))


KINDS = (SemanticIds(),)
