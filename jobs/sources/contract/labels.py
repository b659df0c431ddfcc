"""Labels: 0 or 1 from a column, by the rule of a scenario."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from jobs.common.errors import InputError
from jobs.scenarios.sources import LabelRule
from jobs.sources.reading.column_types import as_type, is_number, plain_type

_NUMBER = r"(?i)^[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf|infinity)$"


def check_label_type(kind: pa.DataType, rule: LabelRule, where: str) -> None:
    """Check that a column of a type can hold labels.

    Raises:
        InputError: If it cannot.
    """
    plain = plain_type(kind)
    if pa.types.is_string(plain) or pa.types.is_null(plain):
        return
    if not (is_number(plain) or pa.types.is_boolean(plain)):
        raise InputError(
            f"{where} is {kind}, where label needs a number or text: map another column"
        )
    if isinstance(rule.equals, str) and _number(rule.equals) is None:
        raise InputError(
            f"{where} is {kind} and never equals {rule.equals!r}: correct source.label.equals"
        )


def labels_of(values: pa.Array, rule: LabelRule, where: str) -> pa.Array:
    """Labels as int8; null where the rule gives none."""
    check_label_type(values.type, rule, where)
    kind = plain_type(values.type)
    if pa.types.is_string(kind) and isinstance(rule.equals, str):
        return pc.equal(as_type(values, pa.string(), where), rule.equals).cast(pa.int8())
    numbers = label_numbers(values, where)
    if rule.at_least is not None:
        return pc.greater_equal(numbers, rule.at_least).cast(pa.int8())
    if rule.equals is not None:
        return pc.equal(numbers, float(rule.equals)).cast(pa.int8())
    is_label = pc.is_in(numbers, pa.array([0.0, 1.0]))
    return pc.if_else(is_label, numbers, pa.scalar(None, pa.float64())).cast(pa.int8())


def label_numbers(values: pa.Array, where: str) -> pa.Array:
    """Values as float64; null where there is no number, also for NaN."""
    kind = plain_type(values.type)
    if pa.types.is_null(kind):
        return pa.nulls(len(values), pa.float64())
    if pa.types.is_boolean(kind):
        return values.cast(pa.int8()).cast(pa.float64())
    if not pa.types.is_string(kind):
        numbers = values.cast(pa.float64(), safe=False)
        return pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)
    text = pc.utf8_trim_whitespace(as_type(values, pa.string(), where))
    is_number = pc.match_substring_regex(text, _NUMBER)
    text = pc.if_else(is_number, pc.utf8_ltrim(text, "+"), pa.scalar(None, pa.string()))
    return text.cast(pa.float64())


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
