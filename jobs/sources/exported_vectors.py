"""Item tables exported by an external ranker: finding the files and checking their columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.common.errors import InputError
from jobs.common.paths import expand_variables
from jobs.lake.location import is_hidden, split_location
from jobs.lake.manifest import digest_of
from jobs.lake.schemas import id_type
from jobs.lake.storage import Storage
from jobs.scenarios import ImportedSnapshots, ParquetFormat, Scenario
from jobs.sources.contract.item_ids import item_ids
from jobs.sources.log_location import DAY, RawFiles, day_in_name, path_pattern
from jobs.sources.reading.column_types import as_type
from jobs.sources.reading.days import check_day_type, days_of
from jobs.sources.reading.ids import check_id_type
from jobs.sources.reading.mapped_table import MappedBatch, MappedTable, Part, map_columns
from jobs.sources.reading.refusal import converted_batches, refuse_first
from jobs.sources.reading.vectors import VECTOR, as_vectors, check_vector_type

EVERY_DAY = ""
"""Key of ``Exports.paths`` where a column, not the path, has the day of a row."""

_ROLES = {"item_id", "vector", "updates", "as_of"}


@dataclass(frozen=True)
class Exports:
    """Exported files of a storage: sorted paths by day (YYYY-MM-DD, or ``EVERY_DAY``)."""

    storage: Storage
    paths: Mapping[str, tuple[str, ...]]

    def files(self, days: Iterable[str]) -> RawFiles:
        """The files of some days."""
        return RawFiles(self.storage, tuple(path for day in days for path in self.paths[day]))

    def day_of(self) -> dict[str, str]:
        """Day of each file, by its path."""
        return {path: day for day, paths in self.paths.items() for path in paths}

    def digests(self, source: ImportedSnapshots) -> dict[str, str]:
        """Digest of the files of each day and of the options they are read with, by day."""
        options = source.model_dump(mode="json")
        return {
            day: digest_of(options, [(path, self.storage.sha256(path)) for path in paths])
            for day, paths in self.paths.items()
        }


def find_exports(source: ImportedSnapshots, raw: str | None = None) -> Exports:
    """Find all exported files.

    Args:
        source: options with the path.
        raw: path or URI that the path is relative to (default: the working folder).

    Raises:
        InputError: If the path has a variable that is not set, there is no file, or a file name
            has a day that does not exist.
    """
    path = expand_variables(source.path, "snapshots.path")
    location, below = split_location(raw or ".", path)
    # The folder above the day, so that digests do not depend on where the files are.
    folder, _, _ = below.partition(DAY)[0].rpartition("/")
    storage, below = Storage(location).at(folder), below[len(folder) :].lstrip("/")
    try:
        paths = _paths_by_day(storage, below)
    except OSError as error:
        raise InputError(f"snapshots.path {storage.shown(below)}: {error}") from error
    if not paths:
        raise InputError(
            f"no exported snapshots at {storage.shown(below)}: correct snapshots.path in the "
            "scenario"
        )
    return Exports(storage, {day: tuple(paths[day]) for day in sorted(paths)})


def _paths_by_day(storage: Storage, below: str) -> dict[str, list[str]]:
    if DAY not in below:
        paths = [below] if storage.size(below) is not None else storage.data_files(below)
        return {EVERY_DAY: paths} if paths else {}
    part = below.split("/")[0]
    pattern = re.compile(path_pattern(below) + "(?:/.*)?")
    found: dict[str, list[str]] = {}
    files = {name: [name] for name in storage.files("")}
    files |= {name: storage.data_files(name) for name in storage.folders("")}
    for name in sorted(files):
        day = None if is_hidden(name) else day_in_name(part, name, storage.shown(name))
        matching = [path for path in files[name] if pattern.fullmatch(path)]
        if day is not None and matching:
            found.setdefault(day.isoformat(), []).extend(matching)
    return found


def export_table(source: ImportedSnapshots, files: RawFiles) -> MappedTable:
    """The files with their mapped columns.

    Raises:
        InputError: If a file is not Parquet or lacks a column, a column cannot hold what is mapped
            to it, or types differ between files so that no common one is safe.
    """
    mapped = source.model_dump(include=_ROLES, exclude_none=True)
    table = map_columns(ParquetFormat(), files, mapped)
    table.check_types(
        {
            "item_id": check_id_type,
            "vector": check_vector_type,
            "updates": _check_count_type,
            "as_of": check_day_type,
        }
    )
    return table


def _check_count_type(kind: pa.DataType, where: str) -> None:
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind)):
        raise InputError(f"{where} is {kind}, must hold whole numbers: map another column")


def export_schema(scenario: Scenario) -> pa.Schema:
    """Columns of ``ExportRows``; ``refusal`` is an error, in a row that has nothing else."""
    columns = {"item_id": id_type(scenario), "embedding": VECTOR, "updates": pa.int64()}
    return pa.schema({**columns, "ds": pa.string(), "file": pa.string(), "refusal": pa.string()})


@dataclass(frozen=True)
class ExportRows:
    """Reads parts of exported item tables.

    Attributes:
        table: the files.
        scenario: the feed.
        days: day of each file whose path has it, by its path.
    """

    table: MappedTable
    scenario: Scenario
    days: Mapping[str, str]

    def batches(self, part: Part) -> Iterator[pa.RecordBatch]:
        """The rows of a part in ``export_schema``."""
        batches = self.table.batches(part)
        return converted_batches(batches, self._converted, export_schema(self.scenario))

    def _converted(self, batch: MappedBatch) -> dict[str, pa.Array]:
        items = item_ids(batch.values["item_id"], self.scenario, batch.where("item_id"))
        if "as_of" in batch.values:
            days = days_of(batch.values["as_of"], items, batch.where("as_of"))
        else:
            days = pa.array([self.days[batch.part.path]] * batch.rows, pa.string())
        updates = pa.array(np.zeros(batch.rows, np.int64))
        if "updates" in batch.values:
            where = batch.where("updates")
            updates = as_type(batch.values["updates"], pa.int64(), where)
            is_bad = pc.fill_null(pc.less(updates, 0), True)
            refuse_first(is_bad, updates, items, f"{where}: ", "is not a count (0 or more)")
        vectors = as_vectors(batch.values["vector"], items, batch.where("vector"))
        return {"item_id": items, "embedding": vectors, "updates": updates, "ds": days}
