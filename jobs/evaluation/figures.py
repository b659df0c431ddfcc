"""The figures of a result, each declared once.

The schema of the ``lis`` table, JSON, MLflow metrics, the tables of the report and the page
``docs/figures.md`` follow from these declarations. To add a figure, add it to a file of
``jobs.evaluation.declared``.
"""

from __future__ import annotations

from collections.abc import Mapping

from jobs.evaluation.declared.decision import DECISION
from jobs.evaluation.declared.evidence import EVIDENCE
from jobs.evaluation.declared.quality import QUALITY
from jobs.evaluation.declared.ranker import BESIDE_SIMPLE_MODELS
from jobs.evaluation.figure import Figure, Section, Value

FIGURES = (*DECISION, *BESIDE_SIMPLE_MODELS, *QUALITY, *EVIDENCE)


def all_figures() -> tuple[Figure, ...]:
    """Return every declared figure, in the order of its columns."""
    return FIGURES


def in_section(section: Section) -> list[Figure]:
    """Return the figures of a section, in the order in which they are shown."""
    return [figure for figure in all_figures() if figure.section == section]


def flat_values(values: Mapping[str, Value]) -> dict[str, float | int | None]:
    """Return the value of every column; figures without a value are missing (NaN or None).

    Args:
        values: Value by name of the figure.
    """
    columns: dict[str, float | int | None] = {}
    for figure in all_figures():
        columns |= figure.flat(values.get(figure.name, figure.missing))
    return columns


def values_of(columns: Mapping[str, object]) -> dict[str, Value]:
    """Return the value of every figure; the inverse of ``flat_values``.

    Args:
        columns: Value by name of the column; other columns are ignored.
    """
    return {figure.name: figure.from_flat(columns) for figure in all_figures()}
