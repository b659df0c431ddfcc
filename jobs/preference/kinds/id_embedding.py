"""The item-ID embedding of the ranker n days later, or another embedding slot of it.

Source: arXiv 2508.04963, which replaces the item-ID embedding of M_T by that of M_{T+n}. It is an
upper bound of what any content encoder aligned to the item space of this ranker could bring. Items
are read from the published snapshots, other slots from the checkpoints.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

from jobs.common.lazy_module import lazy_module
from jobs.scenarios import ITEM, EvalRowsSeen, Mode
from jobs.scenarios.hints import lis_command

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame
    from pyspark.sql import functions as F

    from jobs.lake import Lake, addresses, schemas
    from jobs.preference.behaviour import Behaviour, TableWindow
    from jobs.scenarios import Scenario
    from jobs.snapshots import checkpoint_rows
    from jobs.spark import session
else:
    pa = lazy_module("pyarrow")
    F = lazy_module("pyspark.sql.functions")
    addresses = lazy_module("jobs.lake.addresses")
    schemas = lazy_module("jobs.lake.schemas")
    checkpoint_rows = lazy_module("jobs.snapshots.checkpoint_rows")
    session = lazy_module("jobs.spark.session")

ID_EMBEDDING = "id_embedding"


@dataclass(frozen=True)
class IdEmbedding:
    """Every id of a slot with its vector in the ranker of each ``known_at``.

    Attributes:
        slot: The column whose embedding is leaked.
    """

    slot: str = ITEM
    takes: Literal["vector"] = "vector"
    modes: tuple[Mode, ...] = (Mode.SWAP, Mode.RETRAIN, Mode.PROBE)
    eval_rows_seen: EvalRowsSeen = "no"
    docs: str = "The embedding of the item, or of another slot, in the ranker of T+n."

    @property
    def name(self) -> str:
        return ID_EMBEDDING if self.slot == ITEM else f"{ID_EMBEDDING}_{self.slot}"

    @property
    def summary(self) -> str:
        return f"the {self._label} embedding that the ranker will have n days later"

    @property
    def phrase(self) -> str:
        return f"the {self._label} embeddings that the ranker will hold {{days}} later"

    @property
    def keyed_by(self) -> str:
        return "item" if self.slot == ITEM else self.slot

    @property
    def _label(self) -> str:
        return "item-ID" if self.slot == ITEM else self.slot

    def build(self, behaviour: Behaviour) -> DataFrame:
        """See ``PreferenceKind.build``."""
        return _items(behaviour) if self.slot == ITEM else _other_slot(behaviour, self.slot)

    def inputs(
        self, lake: Lake, scenario: Scenario, windows: Sequence[TableWindow]
    ) -> Mapping[TableWindow, Mapping[str, str]]:
        """See ``KindWithInputs.inputs``: snapshots, or checkpoints."""
        return slot_inputs(lake, scenario, windows, self.slot)


def _items(behaviour: Behaviour) -> DataFrame:
    snapshots = session.read_days(
        behaviour.spark,
        behaviour.lake,
        "snapshots",
        behaviour.scenario.name,
        behaviour.known_at,
        addresses.snapshot_keys(behaviour.scenario),
    )
    assert snapshots is not None
    last_event = F.col("last_update").alias("last_event")
    known_at = F.col("ds").alias("known_at")
    return snapshots.select(known_at, "item_id", "embedding", "updates", last_event)


def _other_slot(behaviour: Behaviour, slot: str) -> DataFrame:
    scenario, lake_uri = behaviour.scenario, behaviour.lake.uri
    checkpoints = [
        (
            day,
            behaviour.lake.require(
                addresses.checkpoint_partition(scenario, day), _way_out(scenario, day)
            ),
        )
        for day in behaviour.known_at
    ]
    for day, _ in checkpoints:
        behaviour.lake.check(addresses.checkpoint_partition(scenario, day))

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from jobs.lake import Lake, ReadCheck

        task_lake = Lake(lake_uri, ReadCheck.SIZE)
        for part in checkpoint_rows.ranges_of(batches):
            rows = checkpoint_rows.read_slot(task_lake, scenario, slot, part)
            table = pa.table(
                {
                    "known_at": pa.repeat(pa.scalar(part.ds), rows.num_rows),
                    slot: rows[slot],
                    "embedding": rows["embedding"].cast(pa.list_(pa.float32())),
                    "updates": rows["updates"],
                    "last_event": rows["last_update"],
                }
            )
            yield from table.to_batches()

    key = session.spark_type(str(schemas.field_type(scenario, slot))).simpleString()
    return checkpoint_rows.slot_ranges(behaviour.spark, slot, checkpoints).mapInArrow(
        read,
        f"known_at string, {slot} {key}, embedding array<float>, updates bigint, "
        "last_event timestamp",
    )


def slot_inputs(
    lake: Lake, scenario: Scenario, windows: Sequence[TableWindow], slot: str = ITEM
) -> Mapping[TableWindow, Mapping[str, str]]:
    """Digests of the snapshots, or of the checkpoints, that the tables of a slot are read from.

    Raises:
        InputError: If one is not published.
    """
    source = "snapshot" if slot == ITEM else "checkpoint"
    partition_of = addresses.snapshot_partition if slot == ITEM else addresses.checkpoint_partition
    digests = {
        day: lake.require(partition_of(scenario, day), _way_out(scenario, day)).digest
        for day in sorted({window.known_at for window in windows})
    }
    return {window: {source: digests[window.known_at]} for window in windows}


def _way_out(scenario: Scenario, day: date) -> str:
    command = lis_command("train", scenario, until=day - timedelta(days=1))
    return f"the lineage must reach {day}; run {command}"


KINDS = (IdEmbedding(),)
