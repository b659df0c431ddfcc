"""What a log says, read one value at a time: slow, plain, and independent of the code it judges."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from tests.oracles.plain_files import PER_SECOND, Refusal, content_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NULL_WORDS = frozenset({r"\N", "NULL", "null", "None", "nan", "NaN", "<NA>", "NaT"})
FIRST_YEAR, END_YEAR = 1990, 2100
_DAY = re.compile(r"ds=(\d{4}-\d\d-\d\d)")
_WHOLE = re.compile(r"[+-]?\d+(\.0+)?")
_NUMBER = re.compile(r"(\d{1,18}|[0-8]\d{18})(\.\d*)?|\d+(\.\d*)?[eE][+-]?\d+")
_DAY_FIRST = re.compile(r"\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})\b.*")
_AS_FLOAT = re.compile(r"-?\d+\.0")
_LABEL = re.compile(r"[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|inf)")
_UNREADABLE = re.compile("[\udc80-\udcff]")
_EXACT_BELOW = {"halffloat": 2**11, "float": 2**24, "double": 2**53}


class Impression(NamedTuple):
    """A row that must be published; ``ts`` in microseconds since 1970."""

    impression_id: str | int | None
    user_id: str | int
    item_id: str | int
    ts: int
    label: int
    context: tuple[str, ...]


@dataclass
class Reading:
    """What must come of a log.

    impressions: the valid rows. rejected: how many others there are, which belong into quarantine.
    may_refuse: why the log may be refused instead, if it may.
    """

    impressions: list[Impression] = field(default_factory=list)
    rejected: int = 0
    may_refuse: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _File:
    """The mapped columns of a file, by role: their family, type and values, None for a null.

    day: the day in the path of the file.
    """

    day: date | None
    families: Mapping[str, str]
    types: Mapping[str, str]
    columns: Mapping[str, list[Any]]

    @property
    def rows(self) -> int:
        return len(self.columns["user_id"])


def plain_reading(source: Mapping[str, Any], paths: Sequence[Path]) -> Reading:
    """Read the files of a log.

    Args:
        source: options as in a scenario, such as ``format`` and ``columns``.
        paths: its files.

    Raises:
        Refusal: If the log must be refused.
    """
    files, result = [], Reading()
    for path in paths:
        names, types, rows, malformed = content_of(source["format"], path)
        result.rejected += malformed
        if rows or malformed:
            files.append(_mapped_file(source, path, names, types, rows))
        elif names and not _has_columns(names, source):
            result.may_refuse.append("a part without rows lacks a column")
    if not files:
        raise Refusal("no rows")
    roles = list(files[0].families)
    families = {role: {file.families[role] for file in files} - {"null"} for role in roles}
    for role in roles:
        _check_families(role, families[role], str(source.get("ts_unit", "timestamp")))
    _note_what_may_be_refused(result, source, files)
    for file in files:
        for number in range(file.rows):
            row = {role: file.columns[role][number] for role in roles}
            impression = _impression(source, row, file, families)
            if impression is None:
                result.rejected += 1
            else:
                result.impressions.append(impression)
    if not result.impressions:
        raise Refusal("no valid row")
    return result


def _has_columns(names: Sequence[str], source: Mapping[str, Any]) -> bool:
    try:
        return bool([_position(names, column) for column in _mapped(source).values()])
    except Refusal:
        return False


def _mapped_file(
    source: Mapping[str, Any],
    path: Path,
    names: Sequence[str],
    types: Sequence[pa.DataType],
    rows: Sequence[Sequence[Any]],
) -> _File:
    positions = {role: _position(names, column) for role, column in _mapped(source).items()}
    columns = {role: [_or_none(row[at]) for row in rows] for role, at in positions.items()}
    for value in (value for values in columns.values() for value in values):
        if isinstance(value, str) and not value.isascii() and _UNREADABLE.search(value):
            raise Refusal("encoding")
    kinds = {role: types[at] for role, at in positions.items()}
    day = _DAY.search(path.parent.name) if "{ds}" in source["path"] else None
    return _File(
        date.fromisoformat(day[1]) if day else None,
        {role: _family(kind) for role, kind in kinds.items()},
        {role: str(kind) for role, kind in kinds.items()},
        columns,
    )


def _mapped(source: Mapping[str, Any]) -> dict[str, str | int]:
    columns = dict(source["columns"])
    context = columns.pop("context", {})
    return {**columns, **{f"context.{name}": column for name, column in context.items()}}


def _position(names: Sequence[str], column: str | int) -> int:
    if isinstance(column, int):
        if column >= len(names):
            raise Refusal(f"no column {column}")
        return column
    for candidates in (list(names), [name.strip() for name in names]):
        if candidates.count(column) > 1:
            raise Refusal(f"two columns {column}")
        if column in candidates:
            return candidates.index(column)
    raise Refusal(f"no column {column}")


def _or_none(value: Any) -> Any:
    if isinstance(value, bytes):
        value = value.decode()
    is_word = isinstance(value, str) and value.strip() in NULL_WORDS
    is_nan = isinstance(value, float) and math.isnan(value)
    return None if is_word or is_nan else value


def _family(kind: pa.DataType) -> str:
    if pa.types.is_dictionary(kind):
        return _family(kind.value_type)
    families = {
        "text": ("string", "large_string", "string_view", "binary", "large_binary"),
        "whole": tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
        "float": ("halffloat", "float", "double"),
        "date": ("date32[day]",),
        "bool": ("bool",),
        "null": ("null",),
    }
    if pa.types.is_timestamp(kind):
        return "moment" if kind.tz else "naive moment"
    return next((name for name, kinds in families.items() if str(kind) in kinds), "other")


def _check_families(role: str, families: set[str], unit: str) -> None:
    numbers, moments = {"whole", "float"}, {"moment", "naive moment"}
    if role in ("user_id", "item_id", "impression_id"):
        allowed = [{"text"}, numbers]
    elif role == "label":
        allowed = [{"text"}, numbers, {"bool"}]
    elif role == "ts":
        allowed = [{"text"}, moments, {"date"}] if unit == "timestamp" else [{"text"}, numbers]
    else:
        allowed = [{"text"}, numbers, {"bool"}, moments, {"date"}]
    if not any(families <= kinds for kinds in allowed):
        raise Refusal(f"{role} is {' and '.join(sorted(families))}")


def _note_what_may_be_refused(
    result: Reading, source: Mapping[str, Any], files: Sequence[_File]
) -> None:
    """Note what is suspicious as a whole, so that a refusal is as right as quarantine."""
    families = {family for file in files for family in file.families.values()}
    if {"moment", "naive moment"} <= families:
        result.may_refuse.append("times with and without a zone")
    labels = [value for file in files for value in file.columns["label"]]
    made = [_label(source.get("label", {}), value) for value in labels]
    if 1 not in made or 0 not in made:
        result.may_refuse.append("one label")
    if made.count(None) * 2 >= len(made):
        result.may_refuse.append("few labels")
    for file in files:
        for role, values in file.columns.items():
            if all(value is None for value in values):
                result.may_refuse.append(f"{role} without a value")
            if role.endswith("_id") and not any(_is_id(source, value) for value in values):
                result.may_refuse.append(f"no {role} in a file")
            if role.endswith("_id") and any(_AS_FLOAT.fullmatch(str(value)) for value in values):
                result.may_refuse.append(f"{role} in text as pandas writes floats")
            if role == "ts" and not any(_time(source, file, value) for value in values):
                result.may_refuse.append("no time in a file")


def _impression(
    source: Mapping[str, Any], row: Mapping[str, Any], file: _File, families: Mapping[str, set[str]]
) -> Impression | None:
    """The row as an impression, or None if it belongs into quarantine."""
    ids = {
        role: _id(row[role], file.types[role], source.get("ids", "string"))
        for role in ("user_id", "item_id", "impression_id")
        if role in row
    }
    ts, label = _time(source, file, row["ts"]), _label(source.get("label", {}), row["label"])
    context = tuple(
        _text(value, families[role]) for role, value in row.items() if role.startswith("context.")
    )
    if ts is None or label is None or None in ids.values():
        return None
    if file.day is not None and (EPOCH + timedelta(microseconds=ts)).date() != file.day:
        return None
    return Impression(ids.get("impression_id"), ids["user_id"], ids["item_id"], ts, label, context)


def _id(value: Any, kind: str, ids: str) -> Any:
    if value is None or value == "":
        return None
    if isinstance(value, float):
        if not value.is_integer() or abs(value) >= _EXACT_BELOW[kind]:
            raise Refusal(f"{value} is no id")
        value = int(value)
    if ids == "string":
        return str(value)
    if isinstance(value, str):
        text = value.strip()
        if not _WHOLE.fullmatch(text):
            return None
        value = int(text.partition(".")[0])
        if "." in text and abs(value) >= 2**53:
            return None
    return value if -(2**63) <= value < 2**63 else None


def _is_id(source: Mapping[str, Any], value: Any) -> bool:
    return isinstance(value, float) or _id(value, "", source.get("ids", "string")) is not None


def _time(source: Mapping[str, Any], file: _File, value: Any) -> int | None:
    """Microseconds since 1970; None if there is no time, or one that no log has."""
    unit = source.get("ts_unit", "timestamp")
    if value is None:
        return None
    if unit != "timestamp":
        micros = _microseconds(value, unit)
    elif isinstance(value, date):
        micros = (value - EPOCH.date()).days * 86_400 * 10**6
    elif isinstance(value, str):
        micros = _microseconds_of_text(value.strip())
    else:
        micros = value
    if micros is None:
        return None
    year = (EPOCH + timedelta(days=min(micros // (86_400 * 10**6), 10**6))).year
    return micros if micros >= 0 and FIRST_YEAR <= year < END_YEAR else None


def _microseconds(value: Any, unit: str) -> int | None:
    if isinstance(value, str):
        if not _NUMBER.fullmatch(value.strip()):
            return None
        value = Decimal(value.strip())
    elif isinstance(value, float):
        value = Decimal(value)
    if not Decimal(value).is_finite():
        return None
    return int(Decimal(value) * 10**6 / PER_SECOND[unit])


def _microseconds_of_text(text: str) -> int | None:
    if _DAY_FIRST.fullmatch(text):
        raise Refusal(f"{text} begins with the day or the month")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // timedelta(microseconds=1)


def _label(rule: Mapping[str, Any], value: Any) -> int | None:
    if value is None or value == "":
        return None
    equals = rule.get("equals")
    if isinstance(equals, str) and isinstance(value, str):
        return int(value == equals)
    if isinstance(value, str):
        if not _LABEL.fullmatch(value.strip()):
            return None
        value = value.strip()
    number = float(value)
    if rule.get("at_least") is not None:
        return int(number >= rule["at_least"])
    if equals is not None:
        return int(number == float(equals))
    return int(number) if number in (0.0, 1.0) else None


def _text(value: Any, families: set[str]) -> str:
    """A context value; of whole numbers in one file and floats in another, all are whole."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and "whole" in families:
        if not value.is_integer():
            raise Refusal(f"{value} among whole numbers")
        return str(int(value))
    return str(value)
