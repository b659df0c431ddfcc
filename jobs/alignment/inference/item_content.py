"""The newest description of every item, read file by file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.common.errors import InputError
from jobs.lake import Lake, Partition, schemas
from jobs.lake.manifest import digest_of
from jobs.scenarios import Scenario
from jobs.scenarios.hints import ingest_command

SHARD_ITEMS = 1 << 16
"""Items of a shard: what is held in memory at once, and computed again after a kill."""


@dataclass(frozen=True)
class Shard:
    """Items of a range of ids.

    Attributes:
        number: From 0; ids ascend from shard to shard.
        content: ``item_id`` and the columns of content, ascending by item.
        newest: The latest ``first_seen`` of the items of all shards.
    """

    number: int
    content: pa.Table
    newest: datetime | None


def item_days(lake: Lake, scenario: Scenario, through: date) -> list[date]:
    """Days with items through a day, ascending.

    Raises:
        InputError: If there is none.
    """
    days = [day for day in lake.days("items", scenario.name) if day <= through]
    if not days:
        raise InputError(
            f"scenario {scenario.name} has no items through {through}: run "
            f"{ingest_command(scenario, end=through)}"
        )
    return days


def items_digest(lake: Lake, scenario: Scenario, through: date) -> str:
    """Digest of all items through a day."""
    partitions = [Partition("items", scenario.name, d) for d in item_days(lake, scenario, through)]
    manifests = {one.ds: lake.manifest(one) for one in partitions}
    return digest_of([(day, found.digest) for day, found in manifests.items() if found])


def newest_content(
    lake: Lake, scenario: Scenario, through: date, columns: Sequence[str] | None = None
) -> Iterator[pa.Table]:
    """Read the newest description of each item through a day.

    An item may be described on several days. One without any content is left out.

    Args:
        lake: Where items are stored.
        scenario: The scenario.
        through: Last day of items.
        columns: Further columns beside those of content.

    Yields:
        The items of one file, the newest day first.

    Raises:
        InputError: If the scenario has no items through the day.
    """
    contract = schemas.items(scenario)
    names = ["item_id", *(name for name, _ in schemas.CONTENT), *(columns or ())]
    seen: set[Any] = set()
    for day in reversed(item_days(lake, scenario, through)):
        for table in lake.read_files(Partition("items", scenario.name, day)):
            ids = table["item_id"].to_pylist()
            table = table.filter(pa.array([item not in seen for item in ids], pa.bool_()))
            seen.update(ids)
            read = pa.table({name: _column(table, contract.field(name)) for name in names})
            read = read.filter(_has_content(read))
            if len(read):
                yield read


def shards(
    lake: Lake, scenario: Scenario, through: date, size: int = SHARD_ITEMS
) -> Iterator[Shard]:
    """Read the newest description of each item in shards of ascending ids.

    What is read lies in temporary files meanwhile, so that memory holds one shard and all ids.

    Args:
        lake: Where items are stored.
        scenario: The scenario.
        through: Last day of items.
        size: Most items of a shard.

    Raises:
        InputError: If no item has content.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ids, newest = _spilled(lake, scenario, through, folder / "all.parquet")
        starts = ids[::size]
        _split(folder / "all.parquet", folder, starts)
        for number in range(len(starts)):
            content = pq.read_table(folder / f"{number}.parquet").sort_by("item_id")
            yield Shard(number, content, newest)


def content_digests(content: pa.Table) -> list[str]:
    """A digest of what each item comes with."""
    texts = [
        content[name].to_pylist()
        for name, kind in schemas.CONTENT
        if name in content.column_names and pa.types.is_string(kind)
    ]
    vector = content["vector"].combine_chunks()
    lengths = pc.list_value_length(vector).fill_null(0).to_numpy()
    flat = vector.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    ends = np.cumsum(lengths)
    return [
        sha256(repr(words).encode() + flat[end - length : end].tobytes()).hexdigest()[:32]
        for *words, end, length in zip(*texts, ends, lengths, strict=True)
    ]


def _spilled(
    lake: Lake, scenario: Scenario, through: date, path: Path
) -> tuple[pa.Array, datetime | None]:
    """Write all content to one file; returns the ids, ascending, and the latest ``first_seen``."""
    ids, seen = [], []
    with ExitStack() as stack:
        writer = None
        for table in newest_content(lake, scenario, through, ["first_seen"]):
            ids.append(table["item_id"].combine_chunks())
            seen.append(pc.max(table["first_seen"]).as_py())
            content = table.drop_columns(["first_seen"])
            writer = writer or stack.enter_context(pq.ParquetWriter(path, content.schema))
            writer.write_table(content)
    if not ids:
        raise InputError(
            f"scenario {scenario.name}: no item through {through} has content, so that there is "
            "nothing to encode: map title, category, text, image or vector under source.items"
        )
    every = pa.concat_arrays(ids)
    newest = max((ts for ts in seen if ts is not None), default=None)
    return every.take(pc.sort_indices(every)), newest


def _split(path: Path, folder: Path, starts: pa.Array) -> None:
    """Split a file by ranges of ids: ``0.parquet`` has those from the first start on."""
    file = pq.ParquetFile(path)
    limits = starts.to_numpy(zero_copy_only=False)
    with ExitStack() as stack:
        writers = [
            stack.enter_context(pq.ParquetWriter(folder / f"{number}.parquet", file.schema_arrow))
            for number in range(len(starts))
        ]
        for batch in file.iter_batches():
            values = batch["item_id"].to_numpy(zero_copy_only=False)
            numbers = np.searchsorted(limits, values, side="right") - 1
            for number in np.unique(numbers):
                writers[number].write_batch(batch.filter(pa.array(numbers == number)))


def _column(table: pa.Table, field: pa.Field) -> pa.ChunkedArray | pa.Array:
    """A column of a stored table in its type; null where the table was made without it."""
    if field.name not in table.column_names:
        return pa.nulls(len(table), field.type)
    return table[field.name].cast(field.type)


def _has_content(items: pa.Table) -> pa.ChunkedArray:
    """Whether an item comes with a text that is not empty, a picture or a vector."""
    has = pa.chunked_array([pa.repeat(False, len(items))])
    for name, kind in schemas.CONTENT:
        is_text = pa.types.is_string(kind)
        length = pc.utf8_length(items[name]) if is_text else pc.list_value_length(items[name])
        has = pc.or_(has, pc.greater(length.fill_null(0), 0))
    return has
