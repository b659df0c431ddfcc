"""Read the rows of one day: impressions, each with its click history and its statistics."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from jobs.common.errors import InputError
from jobs.lake import Lake, Manifest, Partition
from jobs.lake.manifest import digest_of
from jobs.ranker.rows.aligned_batches import aligned_batches
from jobs.scenarios import ITEM, Fold, Scenario
from jobs.scenarios.hints import ingest_command

ITEMS = "items"
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
    """Consecutive impressions of a day, with the clicks that precede each.

    Attributes:
        impressions: Columns of the table ``impressions``.
        clicks: Their click histories.
        statistics: Their rows of the table ``statistics``; None if the ranker reads none.
    """

    impressions: pa.RecordBatch
    clicks: Clicks
    statistics: pa.RecordBatch | None = None

    def __len__(self) -> int:
        return int(self.impressions.num_rows)


def day_tables(scenario: Scenario) -> tuple[str, ...]:
    """Return the tables that the rows of a day are read from.

    Dense features are read from the items of earlier days too, see ``read_dense_features``.
    """
    ranker = scenario.ranker
    optional = {"statistics": ranker.statistics, ITEMS: bool(ranker.dense_features)}
    return ("impressions", "history", *(name for name, is_read in optional.items() if is_read))


def items_before(lake: Lake, scenario: Scenario, day: date) -> str:
    """Digest of the items of all days before one."""
    days = [one for one in lake.days(ITEMS, scenario.name) if one < day]
    manifests = [(one, lake.manifest(Partition(ITEMS, scenario.name, one))) for one in days]
    return digest_of([(one, manifest.digest) for one, manifest in manifests if manifest])


def require_day(lake: Lake, scenario: Scenario, day: date) -> dict[str, Manifest]:
    """Return the manifest of each table that the rows of a day are read from.

    Raises:
        InputError: If one is not published; the message names the command that publishes it.
    """
    manifests = {}
    for table in day_tables(scenario):
        manifest = lake.manifest(Partition(table, scenario.name, day))
        if manifest is None:
            raise InputError(
                f"scenario {scenario.name} has no {table} of {day}: run "
                f"{ingest_command(scenario, start=day, end=day)}"
            )
        manifests[table] = manifest
    return manifests


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
        AuditError: If the tables do not hold the same rows in the same order.
    """
    length = scenario.ranker.history_length
    share = 1.0 if seen_rows is None else _share(lake, scenario, day, seen_rows)
    draw = np.random.default_rng(day.toordinal())
    for tables in aligned_batches(_tables(lake, scenario, day)):
        rows = tables["impressions"]
        selected = pc.is_in(rows["fold"], pa.array(sorted(folds), pa.string()))
        if share < 1:
            drawn = pa.array(draw.random(len(rows)) < share)
            selected = pc.and_(selected, pc.or_(drawn, pc.not_equal(rows["fold"], Fold.LINEAGE)))
        kept = {name: table.filter(selected) for name, table in tables.items()}
        rows = kept["impressions"]
        clicks = _last_clicks(kept["history"], length) if length else Clicks.empty(rows[ITEM].type)
        yield Chunk(rows, clicks, kept.get("statistics"))


def _tables(lake: Lake, scenario: Scenario, day: date) -> dict[str, Iterator[pa.RecordBatch]]:
    """Batches of the tables that the ranker reads, by name."""
    columns: dict[str, list[str] | None] = {
        "impressions": ["impression_id", *scenario.fields, "ts", "label", "fold"]
    }
    if scenario.ranker.history_length:
        columns["history"] = ["impression_id", "lineage_items"]
    if scenario.ranker.statistics:
        columns["statistics"] = None
    return {
        table: _batches(lake, Partition(table, scenario.name, day), names)
        for table, names in columns.items()
    }


def _share(lake: Lake, scenario: Scenario, day: date, seen_rows: int) -> float:
    manifest = lake.manifest(Partition("impressions", scenario.name, day))
    expected = scenario.folds.lineage * manifest.rows if manifest else 0
    return seen_rows / max(expected, seen_rows)


def _batches(
    lake: Lake, partition: Partition, columns: list[str] | None
) -> Iterator[pa.RecordBatch]:
    with lake.open_files(partition) as streams:
        for stream in streams:
            for batch in pq.ParquetFile(stream).iter_batches(CHUNK_ROWS, columns=columns):
                if batch.num_rows:
                    yield batch


def _last_clicks(history: pa.RecordBatch, length: int) -> Clicks:
    # A click is a label. A held-out click in a history would reveal the label of its row, and the
    # LIS on held-out rows would measure memorisation again. So rankers see lineage clicks only.
    items = history["lineage_items"]
    lengths = pc.list_value_length(items).fill_null(0).to_numpy()
    row = np.repeat(np.arange(len(items)), lengths)
    position = np.cumsum(lengths)[row] - 1 - np.arange(len(row))
    kept = position < length
    return Clicks(items.flatten().filter(pa.array(kept)), row[kept], position[kept])
