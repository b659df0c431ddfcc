"""The rows of one day: impressions joined by position with their click histories."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from jobs.common.errors import AuditError, InputError
from jobs.lake import Lake, Manifest, Partition
from jobs.scenarios import ITEM, Fold, Scenario

CHUNK_ROWS = 1 << 16
SEEN_ROWS = 100_000
"""About so many rows of the lineage fold are scored of a day that has more.

They show what a ranker remembers, which need not be known better than what the held-out rows show.
"""


@dataclass(frozen=True)
class Clicks:
    """Click histories as one flat list: click ``i`` belongs to a row, at a slot of its history.

    items: ids. row, slot: int64, the same length. Slot 0 is the row's newest click.
    """

    items: pa.Array
    row: NDArray[np.int64]
    slot: NDArray[np.int64]

    @classmethod
    def none(cls, kind: pa.DataType) -> Clicks:
        """No click; ids are of this type."""
        return cls(pa.array([], kind), np.empty(0, np.int64), np.empty(0, np.int64))


@dataclass(frozen=True)
class Chunk:
    """Consecutive impressions of a day and the clicks before each."""

    impressions: pa.RecordBatch
    clicks: Clicks

    def __len__(self) -> int:
        return int(self.impressions.num_rows)


def require_day(lake: Lake, scenario: Scenario, day: date) -> tuple[Manifest, Manifest]:
    """Manifests of a day's impressions and history.

    Raises:
        InputError: one is not published; the line names the command that makes it.
    """
    found = []
    for table in ("impressions", "history"):
        manifest = lake.manifest(Partition(table, scenario.name, day))
        if manifest is None:
            raise InputError(
                f"scenario {scenario.name} has no {table} of {day}: run python -m jobs ingest "
                f"--scenario {scenario.name} --start {day} --end {day}"
            )
        found.append(manifest)
    return found[0], found[1]


def read_day(
    lake: Lake,
    scenario: Scenario,
    day: date,
    folds: Collection[Fold],
    seen_rows: int | None = None,
) -> Iterator[Chunk]:
    """Rows of a day in the given folds, in stored order, at most ``CHUNK_ROWS`` at once.

    Each row keeps its last ``scenario.ranker.history_length`` clicks of the lineage fold. Of that
    fold about ``seen_rows`` are drawn, the same ones every time; all where it is None.

    Raises:
        AuditError: impressions and history are not the same rows in the same order.
    """
    columns = ["impression_id", *scenario.fields, "ts", "label", "fold"]
    impressions = _batches(lake, Partition("impressions", scenario.name, day), columns)
    length = scenario.ranker.history_length
    share = 1.0 if seen_rows is None else _share(lake, scenario, day, seen_rows)
    draw = np.random.default_rng(day.toordinal())
    for rows, history in _with_history(lake, scenario, day, impressions):
        wanted = pc.is_in(rows["fold"], pa.array(sorted(folds), pa.string()))
        if share < 1:
            drawn = pa.array(draw.random(len(rows)) < share)
            wanted = pc.and_(wanted, pc.or_(drawn, pc.not_equal(rows["fold"], Fold.LINEAGE)))
        kept = rows.filter(wanted)
        if history is None:
            yield Chunk(kept, Clicks.none(kept[ITEM].type))
        else:
            yield Chunk(kept, _last_clicks(history.filter(wanted), length))


def _with_history(
    lake: Lake, scenario: Scenario, day: date, impressions: Iterator[pa.RecordBatch]
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch | None]]:
    """Impressions beside their histories; a ranker that takes no clicks needs none."""
    if not scenario.ranker.history_length:
        return ((rows, None) for rows in impressions)
    partition = Partition("history", scenario.name, day)
    histories = _batches(lake, partition, ["impression_id", "lineage_items"])
    return _aligned(impressions, histories, str(partition))


def _share(lake: Lake, scenario: Scenario, day: date, seen_rows: int) -> float:
    manifest = lake.manifest(Partition("impressions", scenario.name, day))
    expected = scenario.folds.lineage * manifest.rows if manifest else 0
    return seen_rows / max(expected, seen_rows)


def _batches(lake: Lake, partition: Partition, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    with lake.open_files(partition) as streams:
        for stream in streams:
            for batch in pq.ParquetFile(stream).iter_batches(CHUNK_ROWS, columns=list(columns)):
                if batch.num_rows:
                    yield batch


def _aligned(
    impressions: Iterator[pa.RecordBatch], history: Iterator[pa.RecordBatch], name: str
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    """Cut both streams into pieces of the same rows; the tables need not have the same files."""
    left, right = next(impressions, None), next(history, None)
    while left is not None and right is not None:
        rows = min(left.num_rows, right.num_rows)
        ours, theirs = left.slice(0, rows), right.slice(0, rows)
        if not ours["impression_id"].equals(theirs["impression_id"]):
            raise AuditError(f"{name} is not in the order of impressions: run the day again")
        yield ours, theirs
        left = left.slice(rows) if rows < left.num_rows else next(impressions, None)
        right = right.slice(rows) if rows < right.num_rows else next(history, None)
    if left is not None or right is not None:
        raise AuditError(f"{name} does not have the rows of impressions: run the day again")


def _last_clicks(history: pa.RecordBatch, length: int) -> Clicks:
    # A click is a label. A held-out click in a history would tell the ranker that row's label, and
    # the LIS on held-out rows would again measure memory. So only lineage clicks reach a ranker.
    items = history["lineage_items"]
    lengths = pc.list_value_length(items).fill_null(0).to_numpy()
    row = np.repeat(np.arange(len(items)), lengths)
    slot = np.cumsum(lengths)[row] - 1 - np.arange(len(row))
    kept = slot < length
    return Clicks(items.flatten().filter(pa.array(kept)), row[kept], slot[kept])
