"""Reading the lake: manifests first, then exactly the files that they name."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.errors import AuditError, InputError
from jobs.lake.attempt import MANIFEST, Attempt
from jobs.lake.manifest import Manifest
from jobs.lake.partition import Partition
from jobs.lake.storage import Storage

PROJECT = Path(__file__).resolve().parents[2]


def data_folder() -> Path:
    """Where everything that is made lives: $LIS_DATA, or ``data/`` beside the code."""
    return Path(os.environ.get("LIS_DATA", PROJECT / "data"))


class Lake:
    """All tables below one URI (``LIS_LAKE``; by default ``data/lake``)."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.storage = Storage(uri)

    @classmethod
    def from_environment(cls) -> Lake:
        return cls(os.environ.get("LIS_LAKE") or str(data_folder() / "lake"))

    def manifest(self, partition: Partition) -> Manifest | None:
        """The manifest of a published partition, or None where nothing is published."""
        content = self.storage.read(f"{partition.path}/{MANIFEST}")
        return None if content is None else Manifest.from_json(content)

    def require(self, partition: Partition, way_out: str) -> Manifest:
        """As ``manifest``, for a partition that must be there.

        Raises:
            InputError: it is not; ``way_out`` says what to run.
        """
        manifest = self.manifest(partition)
        if manifest is None:
            raise InputError(f"nothing published at {partition}: {way_out}")
        return manifest

    def days(self, table: str, scenario: str, keys: tuple[tuple[str, str], ...] = ()) -> list[date]:
        """Days on which the partition with these keys is published, ascending."""
        days = self.days_with_any(table, scenario)
        return [day for day in days if self.is_published(Partition(table, scenario, day, keys))]

    def days_with_any(self, table: str, scenario: str) -> list[date]:
        """Days below which anything of a table may be published, ascending."""
        folders = self.storage.folders(f"{table}/scenario={scenario}")
        return [date.fromisoformat(name[3:]) for name in folders if name.startswith("ds=")]

    def is_published(self, partition: Partition) -> bool:
        return self.storage.exists(f"{partition.path}/{MANIFEST}")

    def keys_below(self, table: str, scenario: str, ds: date) -> list[tuple[tuple[str, str], ...]]:
        """The ``keys`` of all partitions published below a day, sorted."""
        found: list[tuple[tuple[str, str], ...]] = []
        pending: list[tuple[tuple[str, str], ...]] = [()]
        while pending:
            keys = pending.pop()
            partition = Partition(table, scenario, ds, keys)
            if self.is_published(partition):
                found.append(keys)
            for name in self.storage.folders(partition.path):
                key, separator, value = name.partition("=")
                if separator:
                    pending.append((*keys, (key, value)))
        return sorted(found)

    def paths(
        self, partition: Partition, manifest: Manifest, suffix: str = ".parquet"
    ) -> list[str]:
        """Paths below the lake of the partition's data files, in order, each checked for size."""
        paths = []
        for file in manifest.files:
            if not file.name.endswith(suffix):
                continue
            path = f"{partition.path}/{file.path}"
            size = self.storage.size(path)
            if size is None:
                raise FileNotFoundError(path)
            if size != file.size:
                raise AuditError(
                    f"{self.storage.absolute(path)} is {size} bytes where its manifest says "
                    f"{file.size}: truncated or overwritten; remove its folder and rerun its day"
                )
            paths.append(path)
        return paths

    def read(self, partition: Partition, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows of a partition, in stored order.

        Raises:
            InputError: nothing is published there.
            AuditError: a data file does not have the size that the manifest gives.
        """
        tables = list(self.read_files(partition, columns))
        return pa.concat_tables(tables)

    def read_files(
        self, partition: Partition, columns: Sequence[str] | None = None
    ) -> Iterator[pa.Table]:
        """As ``read``, one table a data file, so that a big day need not be held at once."""
        for path in self.published_paths(partition):
            yield pq.read_table(
                self.storage.absolute(path),
                columns=list(columns) if columns is not None else None,
                filesystem=self.storage.filesystem,
                partitioning=None,
            )

    def published_paths(self, partition: Partition) -> list[str]:
        """Data files of a partition; looks again if it is replaced between manifest and files."""
        for _ in range(5):
            manifest = self.require(partition, "run the step that makes it first")
            try:
                return self.paths(partition, manifest)
            except FileNotFoundError:
                if self.manifest(partition) == manifest:
                    raise AuditError(
                        f"{partition}: a data file that its manifest names is missing; "
                        "remove the folder and run the day again"
                    ) from None
        raise AuditError(f"{partition} is being replaced over and over; try again later")

    def spark_paths(self, partition: Partition) -> list[str]:
        """Data files of a partition as Spark reads them."""
        return [self.storage.spark_uri(path) for path in self.published_paths(partition)]

    @contextmanager
    def local_file(self, partition: Partition, name: str) -> Iterator[Path]:
        """A data file as a local path; a remote one is copied for the length of the block."""
        manifest = self.require(partition, "run the step that makes it first")
        stored = next((file for file in manifest.files if file.name == name), None)
        if stored is None:
            raise AuditError(f"{partition} holds no file named {name}")
        path = f"{partition.path}/{stored.path}"
        if self.storage.is_local:
            yield Path(self.storage.absolute(path))
            return
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / name
            content = self.storage.read(path)
            target.write_bytes(content or b"")
            yield target

    @contextmanager
    def attempt(self, partitions: Sequence[Partition]) -> Iterator[Attempt]:
        """Claim partitions for writing. See ``jobs.lake.attempt``."""
        attempt = Attempt(self.storage, partitions)
        try:
            yield attempt
        finally:
            attempt.close()
