"""Batches of several tables that hold the same rows in the same order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa

from jobs.common.errors import AuditError

_ID = "impression_id"


def aligned_batches(
    tables: Mapping[str, Iterator[pa.RecordBatch]],
) -> Iterator[dict[str, pa.RecordBatch]]:
    """Cut the batches of several tables into batches of the same rows.

    The tables may be split into files, and so into batches, at different rows.

    Args:
        tables: Batches by name of the table, all with the column ``impression_id``.

    Yields:
        A batch of each table by its name; their rows are of the same impressions.

    Raises:
        AuditError: If the tables do not hold the same rows in the same order.
    """
    names = list(tables)
    heads = {name: next(batches, None) for name, batches in tables.items()}
    while all(head is not None for head in heads.values()):
        found = {name: head for name, head in heads.items() if head is not None}
        rows = min(head.num_rows for head in found.values())
        parts = {name: head.slice(0, rows) for name, head in found.items()}
        for name in names[1:]:
            if not parts[name][_ID].equals(parts[names[0]][_ID]):
                raise AuditError(
                    f"{name} has its rows in another order than {names[0]}: ingest the day again"
                )
        yield parts
        heads = {
            name: head.slice(rows) if rows < head.num_rows else next(tables[name], None)
            for name, head in found.items()
        }
    if any(head is not None for head in heads.values()):
        longer = next(name for name, head in heads.items() if head is not None)
        ended = next(name for name, head in heads.items() if head is None)
        raise AuditError(f"{longer} and {ended} differ in length: ingest the day again")
