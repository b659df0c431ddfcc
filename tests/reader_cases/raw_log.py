"""A small log as users export them, with what must come of it: the form of every reader case."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

Record = dict[str, Any]
COLUMNS = ("visitor", "product", "at", "clicked", "place")
POSITIONS = {"user_id": 0, "item_id": 1, "ts": 2, "label": 3, "context": {"place": 4}}
"""Mapping of a log without a header."""
ZIP_OF_NOTHING = b"PK\x05\x06" + bytes(18)


class Outcome(Enum):
    """What a command must do with a log."""

    PUBLISHED = "every good row is published, every other one is in quarantine"
    REFUSED = "exit code 2, one line, nothing published"
    EITHER = "one of the two"


@dataclass(frozen=True)
class Case:
    """A condition of logs.

    build: writes the log. says: parts of the line with which it is refused.
    """

    name: str
    build: Callable[[RawLog], None]
    outcome: Outcome
    says: tuple[str, ...] = ()

    @property
    def in_job(self) -> bool:
        """Whether it is run through a whole job; the others are checked and read without one."""
        return self.name in _IN_JOB


_IN_JOB: set[str] = set()
CASES: dict[str, Case] = {}


def in_job(build: Callable[[RawLog], None]) -> Callable[[RawLog], None]:
    """Mark a case that is run through a whole job."""
    _IN_JOB.add(build.__name__)
    return build


def published(build: Callable[[RawLog], None]) -> Callable[[RawLog], None]:
    """Declare a log that must be published."""
    return _declared(build, Outcome.PUBLISHED)


def either(build: Callable[[RawLog], None]) -> Callable[[RawLog], None]:
    """Declare a log that may be refused, but not be published in another way."""
    return _declared(build, Outcome.EITHER)


def refused(*says: str) -> Callable[[Callable[[RawLog], None]], Callable[[RawLog], None]]:
    """Declare a log that must be refused with a line that says these things."""
    return lambda build: _declared(build, Outcome.REFUSED, says)


def _declared(
    build: Callable[[RawLog], None], outcome: Outcome, says: tuple[str, ...] = ()
) -> Callable[[RawLog], None]:
    name = build.__name__
    assert name not in CASES, name
    CASES[name] = Case(name, build, outcome, says)
    return build


def impressions(day: str = "2026-03-02", count: int = 20, start: int = 0) -> list[Record]:
    """Impressions of a day, one every eleven minutes; a quarter is clicked."""
    first = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return [
        {
            "visitor": f"v{(start + number) % 6}",
            "product": f"p{(start + number) % 9}",
            "at": first + timedelta(seconds=660 * number + 17),
            "clicked": int(number % 4 == 1),
            "place": ("feed", "search", "mail")[number % 3],
        }
        for number in range(count)
    ]


def numbered(records: Sequence[Record]) -> list[Record]:
    """The same with ids that are whole numbers."""
    return [
        {**record, "visitor": int(record["visitor"][1:]), "product": int(record["product"][1:])}
        for record in records
    ]


def with_values(records: Sequence[Record], column: str, values: Sequence[Any]) -> list[Record]:
    """The same with other values of a column, or a further one, taken in turn."""
    return [
        {**record, column: values[number % len(values)]} for number, record in enumerate(records)
    ]


def with_value(records: Sequence[Record], number: int, **values: Any) -> list[Record]:
    """The same with other values in one record."""
    return [{**record, **values} if n == number else record for n, record in enumerate(records)]


def without(records: Sequence[Record], *numbers: int) -> list[Record]:
    return [record for number, record in enumerate(records) if number not in numbers]


def csv_text(
    records: Sequence[Record],
    columns: Sequence[str] | None = None,
    delimiter: str = ",",
    header: bool = True,
    ends: str = "\n",
    **dialect: Any,
) -> str:
    """Records as delimited text; a moment is written in UTC without a zone."""
    names = list(columns or records[0])
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=ends, **dialect)
    if header:
        writer.writerow(names)
    writer.writerows([[_cell(record[name]) for name in names] for record in records])
    return stream.getvalue()


def _cell(value: Any) -> Any:
    return value.strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, datetime) else value


def table(records: Sequence[Record], **types: pa.DataType) -> pa.Table:
    """Records as an Arrow table; keywords give the types of some columns."""
    return pa.table(
        {
            name: pa.array([record[name] for record in records], types.get(name))
            for name in records[0]
        }
    )


@dataclass
class RawLog:
    """A folder with a log and its scenario.

    good: the records that must be published. rows: how many the log has in all.
    items: the title and the vector of each item that must be published.
    vectors: of imported item tables, the vector of each day and item that must be published.
    """

    folder: Path
    good: list[Record] = field(default_factory=list)
    rows: int = 0
    items: dict[str, tuple[str | None, list[float] | None]] | None = None
    vectors: dict[tuple[str, str], list[float]] | None = None

    @property
    def raw(self) -> Path:
        return self.folder / "raw"

    @property
    def is_import(self) -> bool:
        """Whether item vectors are imported, and no log."""
        return "snapshots:" in self.scenario_file.read_text("utf-8")

    @property
    def scenario_file(self) -> Path:
        return self.folder / "case.yaml"

    def bytes(self, name: str, content: bytes | str, rows: int = 0) -> Path:
        """Write a file below the raw path."""
        path = self.raw / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.rows += rows
        return path

    def csv(self, name: str, records: Sequence[Record], **options: Any) -> None:
        """Write records as CSV; options are those of ``csv_text``."""
        self.bytes(name, csv_text(records, **options), rows=len(records))

    def parquet(self, name: str, records: Sequence[Record] | pa.Table, **options: Any) -> None:
        """Write records as Parquet; options are those of Arrow's writer."""
        content = records if isinstance(records, pa.Table) else table(records)
        path = self.raw / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(content, path, **options)
        self.rows += content.num_rows

    def scenario(
        self,
        path: str,
        kind: str = "parquet",
        columns: dict[str, Any] | None = None,
        form: dict[str, Any] | None = None,
        context: Sequence[str] = ("place",),
        **source: Any,
    ) -> None:
        """Write the scenario.

        Args:
            path: of the log, below the raw path.
            kind: ``csv`` or ``parquet``.
            columns: mapped columns that differ from ``COLUMNS``.
            form: further options of the format.
            context: the fields that the ranker reads.
            source: further options of the source.
        """
        mapped = dict(zip(("user_id", "item_id", "ts", "label"), COLUMNS, strict=False))
        mapping = {**mapped, "context": {"place": "place"}, **(columns or {})}
        options = {"reader": "table", "path": path, "format": {"kind": kind, **(form or {})}}
        content = {"source": {**options, "columns": mapping, **source}, "context": list(context)}
        self.scenario_file.write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")

    def imports(self, path: str, ids: str = "string", **snapshots: Any) -> None:
        """Write a scenario that imports item vectors from a path below the raw one."""
        mapped = dict(zip(("user_id", "item_id", "ts", "label"), COLUMNS, strict=False))
        content = {
            "source": {"reader": "table", "path": "log", "columns": mapped, "ids": ids},
            "modes": ["retrain"],
            "snapshots": {"path": f"{self.raw}/{path}", **snapshots},
        }
        self.scenario_file.write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")
