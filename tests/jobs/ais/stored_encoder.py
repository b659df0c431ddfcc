"""Encoders published by hand: their vectors, and what they were aligned on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from jobs.lake import Lake, schemas
from jobs.lake.addresses import VectorState, encoder_partition, vector_partition
from jobs.scenarios import Scenario
from tests.jobs.alignment.preference_lake import publish_curated

RECALL = 0.75


@dataclass(frozen=True)
class StoredEncoder:
    """Where an encoder belongs.

    Attributes:
        curated: The items that it was aligned on.
        last: The day that its vectors are published for.
    """

    scenario: Scenario
    kind: str
    aligned_at: date
    curated: Sequence[int]
    last: date

    def publish(
        self,
        lake: Lake,
        vectors: Mapping[int, list[float]],
        unaligned: Mapping[int, list[float]] | None = None,
        **facts: Any,
    ) -> None:
        """Publish vectors of items, curated items, and what is known of the encoder.

        Args:
            lake: Where to publish.
            vectors: The aligned vectors; they are the targets too.
            unaligned: Vectors before alignment; None for the aligned ones.
            **facts: Further facts of the encoder.
        """
        columns: dict[str, list[Any]] = {
            "item_id": list(self.curated),
            "target": [vectors.get(item) or next(iter(vectors.values())) for item in self.curated],
        }
        publish_curated(
            lake,
            self.scenario,
            kind=self.kind,
            items=len(self.curated),
            day=self.aligned_at,
            **columns,
        )
        partition = encoder_partition(self.scenario, self.kind, self.aligned_at)
        with lake.attempt([partition]) as attempt:
            attempt.write_bytes("alignment.json", str(sorted(vectors.items())).encode())
            known = {"recall_mean": RECALL, "in_slot": False, "by_epoch": [], **facts}
            attempt.publish(partition, inputs={}, facts=known)
        self._publish(lake, VectorState.ALIGNED, vectors)
        self._publish(lake, VectorState.UNALIGNED, unaligned or vectors)

    def _publish(self, lake: Lake, state: VectorState, vectors: Mapping[int, list[float]]) -> None:
        partition = vector_partition(self.scenario, self.kind, self.aligned_at, state, self.last)
        schema = schemas.item_vectors(self.scenario, len(next(iter(vectors.values()))))
        rows = [
            {"item_id": item, "embedding": vector, "content": str(item)}
            for item, vector in sorted(vectors.items())
        ]
        with lake.attempt([partition]) as attempt:
            attempt.write_table("part-00000.parquet", pa.Table.from_pylist(rows, schema=schema))
            attempt.publish(partition, inputs={}, schema=schema)
