"""Finding mapped columns in the header of each file."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.common.errors import InputError
from jobs.scenarios.sources import Column

_MOST_SHOWN = 40


def find_column(file: str, names: Sequence[str], column: Column, role: str) -> int:
    """Position of a mapped column in a file.

    A name matches as it is written, or without the blanks around it; a number is a position from 0.

    Args:
        file: name of the file, for errors.
        names: the names in its header.
        column: the mapped name or position.
        role: what the column is used for, such as ``user_id``.

    Raises:
        InputError: If the file has no such column, or two of the name.
    """
    if isinstance(column, int):
        if 0 <= column < len(names):
            return column
        raise InputError(_missing(file, names, column, role))
    for candidates in (names, [name.strip() for name in names]):
        found = [position for position, name in enumerate(candidates) if name == column]
        if len(found) == 1:
            return found[0]
        if found:
            raise InputError(
                f"{file}: {len(found)} columns are named {column!r} (positions "
                f"{' and '.join(map(str, found))}), so {role} is ambiguous: rename all but one"
            )
    raise InputError(_missing(file, names, column, role))


def _missing(file: str, names: Sequence[str], column: Column, role: str) -> str:
    shown = ", ".join(names[:_MOST_SHOWN]) + (", …" if len(names) > _MOST_SHOWN else "")
    similar = [name for name in names if _folded(name) == _folded(str(column))]
    hint = f" ({similar[0]!r} differs in case or blanks)" if similar else ""
    return (
        f"{file}: no column {column!r} for {role}; it has {shown}{hint}: correct source.columns in "
        "the scenario"
    )


def _folded(name: str) -> str:
    return "".join(name.split()).casefold()
