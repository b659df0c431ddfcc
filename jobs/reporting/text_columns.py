"""Tables of plain text for the terminal."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from jobs.reporting.wording import MISSING

_ASCII = str.maketrans({"\N{MINUS SIGN}": "-", MISSING: "-"})


def in_ascii(text: str) -> str:
    """Replace the signs that a terminal may lack."""
    return text.translate(_ASCII)


def in_columns(
    header: Sequence[str], lines: Sequence[Sequence[str]], to_the_left: Collection[str]
) -> str:
    """Align cells below their header, in ASCII, without a trailing line break.

    Args:
        header: Names of the columns.
        lines: Cells of each line.
        to_the_left: Names of the columns aligned to the left; others are aligned to the right.
    """
    cells = [header, *([in_ascii(cell) for cell in line] for line in lines)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    rule = ["-" * width for width in widths]
    text = [
        "  ".join(
            cell.ljust(width) if name in to_the_left else cell.rjust(width)
            for name, cell, width in zip(header, line, widths, strict=True)
        )
        for line in (cells[0], rule, *cells[1:])
    ]
    return "\n".join(line.rstrip() for line in text)
