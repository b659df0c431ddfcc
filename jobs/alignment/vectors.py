"""Publishes the vectors of all items: of an aligned encoder, and of the content before alignment.

Each day only items that are new or whose content has changed are computed; the others have the
vectors of the day before, bit by bit.
"""

from __future__ import annotations

import io
import logging
import time as clock
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from tqdm import tqdm

from jobs.alignment.aligned_encoder import read_encoder, require_encoder
from jobs.alignment.encoders.registry import encoder_module
from jobs.alignment.inference.found_before import FoundBefore, found_before
from jobs.alignment.inference.item_content import Shard, items_digest, shards
from jobs.alignment.inference.unaligned import Vectors, unaligned_vectors
from jobs.alignment.training.unfinished import unfinished_folder
from jobs.common.code_digest import code_digest
from jobs.common.errors import FencedOut, InputError
from jobs.lake import Attempt, Lake, Manifest, Partition, Window, schemas
from jobs.lake.addresses import VectorState, encoder_version, vector_partition
from jobs.lake.manifest import digest_of
from jobs.lake.read_check import read_work_file, write_work_file
from jobs.scenarios import Scenario
from jobs.scenarios.hints import lis_command

log = logging.getLogger("jobs")

_ROW_GROUP = 1 << 13


def publish_vectors(
    lake: Lake, scenario: Scenario, preference: str, aligned_at: date, day: date
) -> Manifest:
    """Publish the vectors of all items that came with the log through a day, in both states.

    What is current is left as it is. If it is interrupted, a later call goes on after the last
    finished shard.

    Args:
        lake: Holds items and the encoder; the vectors are published to it.
        scenario: The scenario.
        preference: Name of the kind that the encoder was aligned with.
        aligned_at: Day S of the encoder.
        day: Last day of items.

    Returns:
        The manifest of the aligned vectors. Its facts say which encoder, preference data and day of
        alignment they came from, and how many items were ``reused`` and ``computed``.

    Raises:
        InputError: If the encoder is not published, no item has content, or a vector has a number
            that is not finite.
    """
    encoder = require_encoder(lake, scenario, preference, aligned_at)
    inputs = {
        "encoder": encoder.digest,
        "items": items_digest(lake, scenario, day),
        "code": code_digest(__name__, encoder_module(scenario.alignment.encoder.name)),
    }
    load: Mapping[VectorState, Callable[[], Vectors]] = {
        VectorState.UNALIGNED: lambda: unaligned_vectors(lake, scenario, preference, aligned_at),
        VectorState.ALIGNED: lambda: read_encoder(lake, scenario, preference, aligned_at).vectors,
    }
    lengths = {
        VectorState.UNALIGNED: scenario.alignment.encoder.dim,
        VectorState.ALIGNED: int(encoder.facts["length"]),
    }
    manifests = {}
    for state, loaded in load.items():
        job = _Job(lake, scenario, preference, aligned_at, day, state, lengths[state], inputs)
        manifests[state] = job.current() or job.publish(loaded)
    return manifests[VectorState.ALIGNED]


def read_vectors(
    lake: Lake,
    scenario: Scenario,
    preference: str,
    aligned_at: date,
    state: VectorState,
    day: date,
    items: pa.Array | pa.ChunkedArray,
) -> pa.Table:
    """Read the vectors of some items.

    They are those of the day, or where none are published for it, of the first later day. A vector
    depends on the content of its item alone, so these differ where an item was described again.

    Args:
        lake: Where they are published.
        scenario: The scenario.
        preference: Name of the kind that the encoder was aligned with.
        aligned_at: Day S of the encoder.
        state: Aligned, or as before.
        day: Day of the rows that the items come from.
        items: Ids. Those without content have no vector.

    Returns:
        ``item_id`` and ``embedding``, ascending by item.

    Raises:
        InputError: If no vectors of the day or a later one are published.
    """
    keys = vector_partition(scenario, preference, aligned_at, state, day).keys
    days = [one for one in lake.days("item_vectors", scenario.name, keys) if one >= day]
    command = lis_command(
        "vectors", scenario, preference=preference, aligned_at=aligned_at, as_of=day
    )
    stored = vector_partition(scenario, preference, aligned_at, state, min(days, default=day))
    lake.require(stored, f"run {command} first")
    wanted = pc.is_in(pc.field("item_id"), value_set=pa.chunked_array(items).combine_chunks())
    with lake.open_files(stored) as streams:
        return pa.concat_tables(
            pq.read_table(stream, columns=["item_id", "embedding"], filters=wanted)
            for stream in streams
        )


@dataclass(frozen=True)
class _Job:
    """The vectors of one state and day."""

    lake: Lake
    scenario: Scenario
    preference: str
    aligned_at: date
    day: date
    state: VectorState
    length: int
    inputs: Mapping[str, str]

    @property
    def partition(self) -> Partition:
        return self._partition(self.day)

    def current(self) -> Manifest | None:
        """The published manifest, if its inputs have not changed."""
        manifest = self.lake.manifest(self.partition)
        if manifest is None or manifest.inputs != self.inputs:
            return None
        self.lake.storage.remove(unfinished_folder(self.partition))
        return manifest

    def publish(self, load: Callable[[], Vectors]) -> Manifest:
        """Compute, shard by shard, what is not stored yet."""
        earlier, vectors = self._earlier(), _Once(load)
        started, facts, newest, number = clock.monotonic(), {"reused": 0, "computed": 0}, None, 0
        with self.lake.attempt([self.partition]) as attempt, self._progress() as bar:
            for shard in shards(self.lake, self.scenario, self.day):
                found = found_before(self.lake, earlier, shard.content, self.length)
                facts["reused"] += int(found.is_kept.sum())
                facts["computed"] += int((~found.is_kept).sum())
                path = self._path(shard.number)
                if read_work_file(self.lake.storage, path) is None:
                    content = self._file(shard, found, vectors)
                    write_work_file(self.lake.storage, path, content)
                number, newest = shard.number + 1, shard.newest
                bar.update(len(shard.content))
            for one in range(number):
                self._take(attempt, one)
            manifest = self._published(attempt, facts, newest)
        self.lake.storage.remove(unfinished_folder(self.partition))
        seconds = clock.monotonic() - started
        log.info(
            "%s: %s vectors of %d items through %s: %d computed, %d as before, %.0f items/s",
            self.scenario.name,
            self.state,
            manifest.rows,
            self.day,
            facts["computed"],
            facts["reused"],
            manifest.rows / max(seconds, 1e-3),
        )
        return manifest

    def _published(
        self, attempt: Attempt, facts: Mapping[str, int], newest: datetime | None
    ) -> Manifest:
        midnight = datetime.combine(self.day + timedelta(days=1), time.min)
        return attempt.publish(
            self.partition,
            inputs=self.inputs,
            schema=self._schema,
            window=Window.until(midnight, newest),
            facts={
                "aligned_at": self.aligned_at.isoformat(),
                "encoder": encoder_version(self.scenario),
                "items": sum(facts.values()),
                "preference": self.preference,
                **facts,
            },
        )

    @property
    def _schema(self) -> pa.Schema:
        return schemas.item_vectors(self.scenario, self.length)

    def _partition(self, day: date) -> Partition:
        return vector_partition(self.scenario, self.preference, self.aligned_at, self.state, day)

    def _earlier(self) -> Partition | None:
        """The newest vectors of the same encoder and code, of the day itself or one before."""
        days = self.lake.days("item_vectors", self.scenario.name, self.partition.keys)
        for day in reversed([one for one in days if one <= self.day]):
            manifest = self.lake.manifest(self._partition(day))
            same = ("encoder", "code")
            if manifest and all(manifest.inputs[name] == self.inputs[name] for name in same):
                return self._partition(day)
        return None

    def _progress(self) -> tqdm[Any]:
        return tqdm(desc=f"{self.state} vectors {self.scenario.name}", unit="item", mininterval=1)

    def _path(self, number: int) -> str:
        """Where a shard lies until all are there, relative to the lake."""
        digest = digest_of(self.inputs)[:16]
        return f"{unfinished_folder(self.partition)}/{digest}-{number:05d}.parquet"

    def _take(self, attempt: Attempt, number: int) -> None:
        content = read_work_file(self.lake.storage, self._path(number))
        if content is None:
            raise FencedOut(f"{self.partition}: another attempt has published it meanwhile")
        attempt.write_bytes(f"part-{number:05d}.parquet", content)

    def _file(self, shard: Shard, found: FoundBefore, vectors: _Once) -> bytes:
        """A shard as Parquet.

        Raises:
            InputError: If a vector has a number that is not finite.
        """
        embeddings = found.vectors
        changed = np.flatnonzero(~found.is_kept)
        if len(changed):
            computed = vectors.of(shard.content.take(pa.array(changed)))
            is_bad = ~np.isfinite(computed).all(axis=1)
            if is_bad.any():
                item = shard.content["item_id"][int(changed[is_bad.argmax()])]
                raise InputError(
                    f"{self.state} vector of item {item} has a number that is not finite "
                    f"({int(is_bad.sum())} items in all): correct the item's content, or align "
                    "again with a lower alignment.training.rate"
                )
            embeddings[changed] = computed
        table = pa.table(
            {
                "item_id": shard.content["item_id"],
                "embedding": pa.FixedSizeListArray.from_arrays(embeddings.reshape(-1), self.length),
                "content": found.digests,
            }
        ).cast(self._schema)
        sink = io.BytesIO()
        pq.write_table(table, sink, compression="zstd", row_group_size=_ROW_GROUP)
        return sink.getvalue()


class _Once:
    """Vectors by an encoder that is loaded when the first item needs it."""

    def __init__(self, load: Callable[[], Vectors]) -> None:
        self._load = load
        self._vectors: Vectors | None = None

    def of(self, content: pa.Table) -> NDArray[np.float32]:
        if self._vectors is None:
            self._vectors = self._load()
        return self._vectors(content)
