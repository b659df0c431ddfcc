"""The board's table in the lake: a partition for each year of results, read by a page at once.

A page cannot read thousands of results, each a file of its own. So the stage ``report`` copies what
the board shows of them. A partition ``board/scenario=S/ds=2026-01-01/of=lis`` has the results whose
day, or last day, is in the year that begins on its day.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from datetime import date
from functools import lru_cache

import pyarrow as pa

from jobs.board.score_line import ImprovementLine, ScoreLine
from jobs.lake import Lake, Partition

BOARD = "board"
OF_LIS, OF_AIS = "lis", "ais"
LINES: dict[str, type[ScoreLine]] = {OF_LIS: ScoreLine, OF_AIS: ImprovementLine}
"""The class of the lines, by the table of the results."""
CONFIDENCE = "confidence"
"""The fact of a manifest that has the coverage of the intervals."""
_OF = "of"
_TYPES = {
    "str": pa.string(),
    "int": pa.int64(),
    "int | None": pa.int64(),
    "float": pa.float64(),
    "float | None": pa.float64(),
}
_MOST_KEPT = 32
"""Partitions that a process keeps in memory, of a megabyte or two each."""


def board_partition(scenario: str, table: str, year: int) -> Partition:
    """Return the partition with the lines of a year.

    Args:
        scenario: Name of the scenario.
        table: ``OF_LIS`` or ``OF_AIS``.
        year: The year of the results' days.
    """
    return Partition(BOARD, scenario, date(year, 1, 1), ((_OF, table),))


def line_schema(table: str) -> pa.Schema:
    """Return the schema of the lines of a table of results."""
    return pa.schema([(field.name, _TYPES[str(field.type)]) for field in fields(LINES[table])])


def as_table(table: str, lines: Iterable[ScoreLine]) -> pa.Table:
    """Return lines as Arrow rows, sorted."""
    rows = [vars(line) for line in sorted(lines, key=lambda line: line.order)]
    return pa.Table.from_pylist(rows, schema=line_schema(table))


def as_lines(table: str, rows: pa.Table) -> list[ScoreLine]:
    """Return the lines that rows hold; the inverse of ``as_table``."""
    kind = LINES[table]
    return [kind(**row) for row in rows.to_pylist()]


def board_years(lake: Lake, scenario: str) -> list[int]:
    """Return the years that may have lines, ascending."""
    return [day.year for day in lake.days_with_any(BOARD, scenario)]


def read_board(lake: Lake, scenario: str, table: str, since: int | None = None) -> pa.Table:
    """Return the lines of a scenario as Arrow rows, those of a later year after all of an earlier.

    A partition is read once in each process until it is published again.

    Args:
        lake: Holds the board's table.
        scenario: Name of the scenario.
        table: ``OF_LIS`` or ``OF_AIS``.
        since: The first year that counts; None for all.

    Raises:
        DamagedFile: If a file of the table is damaged.
    """
    found = [line_schema(table).empty_table()]
    for year in board_years(lake, scenario):
        if since is not None and year < since:
            continue
        partition = board_partition(scenario, table, year)
        manifest = lake.manifest(partition)
        if manifest is not None:
            found.append(_kept(lake.uri, partition, manifest.digest))
    return pa.concat_tables(found)


@lru_cache(maxsize=_MOST_KEPT)
def _kept(uri: str, partition: Partition, _digest: str) -> pa.Table:
    rows = Lake(uri).read(partition)
    schema = line_schema(dict(partition.keys)[_OF])
    # Another release may have written other columns; the next run writes them anew.
    columns = [
        rows.column(name) if name in rows.schema.names else pa.nulls(len(rows), kind)
        for name, kind in zip(schema.names, schema.types, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)
