"""The figures of a result, each declared once.

The schema of the ``lis`` table, JSON, MLflow metrics, the tables of the report and the page
``docs/figures.md`` follow from these declarations. To add a figure, add it to a file of
``jobs.evaluation.declared``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jobs.evaluation.declared.alignment import ALIGNMENT
from jobs.evaluation.declared.decision import DECISION
from jobs.evaluation.declared.evidence import EVIDENCE
from jobs.evaluation.declared.quality import QUALITY
from jobs.evaluation.declared.ranker import BESIDE_SIMPLE_MODELS
from jobs.evaluation.figure import Figure, Section, Value

FIGURES = (*DECISION, *BESIDE_SIMPLE_MODELS, *QUALITY, *EVIDENCE)


def all_figures() -> tuple[Figure, ...]:
    """Return every figure of a Leakage Impact Score, in the order of its columns."""
    return FIGURES


def alignment_figures() -> tuple[Figure, ...]:
    """Return every figure of an aligned encoder: those of the bound, then its own."""
    return (*all_figures(), *ALIGNMENT)


def in_section(section: Section) -> list[Figure]:
    """Return the figures of a section, in the order in which they are shown."""
    return [figure for figure in alignment_figures() if figure.section == section]


def flat_values(
    values: Mapping[str, Value], figures: Sequence[Figure] | None = None
) -> dict[str, float | int | None]:
    """Return the value of every column; figures without a value are missing (NaN or None).

    Args:
        values: Value by name of the figure.
        figures: The figures; by default those of a Leakage Impact Score.
    """
    columns: dict[str, float | int | None] = {}
    for figure in all_figures() if figures is None else figures:
        columns |= figure.flat(values.get(figure.name, figure.missing))
    return columns


def values_of(
    columns: Mapping[str, object], figures: Sequence[Figure] | None = None
) -> dict[str, Value]:
    """Return the value of every figure; the inverse of ``flat_values``.

    Args:
        columns: Value by name of the column; other columns are ignored.
        figures: The figures; by default those of a Leakage Impact Score.
    """
    declared = all_figures() if figures is None else figures
    return {figure.name: figure.from_flat(columns) for figure in declared}
