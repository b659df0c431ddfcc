"""Read the rows of one day: impressions joined, row by row, with their click histories."""

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
"""Number of rows of the lineage fold to score, drawn at random from a day that has more.

They only measure memorisation, which needs no more precision than the held-out rows give.
"""


@dataclass(frozen=True)
class Clicks:
    """Click histories of consecutive rows as one flat list of clicks.

    Attributes:
        items: Ids of the clicked items, (clicks,).
        row: int64, (clicks,). The row whose history contains the click.
        position: int64, (clicks,). Position in that history; 0 is the newest click.
    """

    items: pa.Array
    row: NDArray[np.int64]
    position: NDArray[np.int64]

    @classmethod
    def empty(cls, id_type: pa.DataType) -> Clicks:
        """No clicks, with item ids of the given type."""
        return cls(pa.array([], id_type), np.empty(0, np.int64), np.empty(0, np.int64))


@dataclass(frozen=True)
class Chunk:
    """Consecutive impressions of a day, with the clicks that precede each."""

    impressions: pa.RecordBatch
    clicks: Clicks

    def __len__(self) -> int:
        return int(self.impressions.num_rows)


def require_day(lake: Lake, scenario: Scenario, day: date) -> tuple[Manifest, Manifest]:
    """Return the manifests of a day's impressions and history.

    Raises:
        InputError: If either is not published; the message names the command that publishes it.
    """
    manifests = []
    for table in ("impressions", "history"):
        manifest = lake.manifest(Partition(table, scenario.name, day))
        if manifest is None:
            raise InputError(
                f"scenario {scenario.name} has no {table} of {day}: run python -m jobs ingest "
                f"--scenario {scenario.name} --start {day} --end {day}"
            )
        manifests.append(manifest)
    return manifests[0], manifests[1]


def read_day(
    lake: Lake,
    scenario: Scenario,
    day: date,
    folds: Collection[Fold],
    seen_rows: int | None = None,
) -> Iterator[Chunk]:
    """Read a day's rows in the given folds, in stored order.

    Each row keeps its last ``scenario.ranker.history_length`` clicks of the lineage fold.

    Args:
        lake: Where impressions and histories are stored.
        scenario: Gives the fields to read and the length of histories.
        day: Day to read.
        folds: Folds to keep.
        seen_rows: If set, keep a random sample of about this many rows of the lineage fold; the
            sample is the same on every call.

    Yields:
        Chunks of at most ``CHUNK_ROWS`` rows.

    Raises:
        AuditError: If impressions and history do not hold the same rows in the same order.
    """
    columns = ["impression_id", *scenario.fields, "ts", "label", "fold"]
    impressions = _batches(lake, Partition("impressions", scenario.name, day), columns)
    length = scenario.ranker.history_length
    share = 1.0 if seen_rows is None else _share(lake, scenario, day, seen_rows)
    draw = np.random.default_rng(day.toordinal())
    for rows, history in _with_history(lake, scenario, day, impressions):
        selected = pc.is_in(rows["fold"], pa.array(sorted(folds), pa.string()))
        if share < 1:
            drawn = pa.array(draw.random(len(rows)) < share)
            selected = pc.and_(selected, pc.or_(drawn, pc.not_equal(rows["fold"], Fold.LINEAGE)))
        kept = rows.filter(selected)
        if history is None:
            yield Chunk(kept, Clicks.empty(kept[ITEM].type))
        else:
            yield Chunk(kept, _last_clicks(history.filter(selected), length))


def _with_history(
    lake: Lake, scenario: Scenario, day: date, impressions: Iterator[pa.RecordBatch]
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch | None]]:
    """Pair impressions with their histories; None where the ranker does not use click histories."""
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
    """Cut both streams into batches of the same rows.

    The two tables may be split into files, and so into batches, at different rows.
    """
    left, right = next(impressions, None), next(history, None)
    while left is not None and right is not None:
        rows = min(left.num_rows, right.num_rows)
        head, histories = left.slice(0, rows), right.slice(0, rows)
        if not head["impression_id"].equals(histories["impression_id"]):
            raise AuditError(
                f"{name} has its rows in another order than impressions: ingest the day again"
            )
        yield head, histories
        left = left.slice(rows) if rows < left.num_rows else next(impressions, None)
        right = right.slice(rows) if rows < right.num_rows else next(history, None)
    if left is not None or right is not None:
        raise AuditError(f"{name} and impressions differ in length: ingest the day again")


def _last_clicks(history: pa.RecordBatch, length: int) -> Clicks:
    # A click is a label. A held-out click in a history would reveal the label of its row, and the
    # LIS on held-out rows would measure memorisation again. So rankers see lineage clicks only.
    items = history["lineage_items"]
    lengths = pc.list_value_length(items).fill_null(0).to_numpy()
    row = np.repeat(np.arange(len(items)), lengths)
    position = np.cumsum(lengths)[row] - 1 - np.arange(len(row))
    kept = position < length
    return Clicks(items.flatten().filter(pa.array(kept)), row[kept], position[kept])
