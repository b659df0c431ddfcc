"""Which column of a log is the user, the item, the time and the label: by name, then by content."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pandas as pd
import pyarrow as pa

from jobs.common.errors import InputError
from jobs.scenarios import Column, LabelRule
from jobs.scenarios.sources import IdType, TimeUnit
from jobs.sources.contract.times import likely_unit, times_of
from jobs.sources.profile.sample import LogSample, unmapped
from jobs.sources.reading.column_types import plain_type

ROLES = ("user_id", "item_id", "ts", "label", "impression_id")
_NAMES = {
    "user_id": "user userid uid customer customerid member memberid visitor visitorid viewer "
    "viewerid account accountid person personid reader cookie cookieid device deviceid session "
    "sessionid",
    "item_id": "item itemid iid movie movieid video videoid product productid article articleid "
    "news newsid ad adid creative creativeid sku asin content contentid song songid track trackid "
    "note noteid book bookid post postid doc docid document documentid listing listingid offer",
    "ts": "ts timestamp eventtime eventtimestamp eventts time timems datetime createdat servedat "
    "requesttime impressiontime unixtime logtime date day",
    "label": "label clicked click isclick isclicked target liked like islike converted conversion "
    "purchased purchase rating stars score y action event eventtype response feedback",
    "impression_id": "impressionid impression requestid exposureid eventid logid rowid id",
}
_POSITIVE = ("click", "clicked", "like", "liked", "purchase", "buy", "yes", "true", "positive", "y")
_AFTERWARDS = re.compile(
    "watch|dwell|duration|play|finish|like|share|comment|follow|click|purchase|rating|revenue|"
    "convert|complete|stay|read_time|view_time|feedback|skip"
)
"""What a user does after the impression is no context of it."""
_FORMATS = [
    f"{day}{clock}"
    for day in ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y")
    for clock in (" %H:%M:%S", " %H:%M", "")
]
_MOST_VALUES, _MOST_CONTEXT = 20, 1000


@dataclass(frozen=True)
class Guesses:
    """How a scenario may read a log.

    Attributes:
        columns: The column of each role; ``impression_id`` only if one is found.
        is_given: Roles whose column the user has named.
        ids: Type of the ids.
        ts_unit: Unit of the time.
        ts_format: Its format, if it is text that does not begin with the year.
        label: How the label is made.
        labels: Values of the label column, with their numbers of rows.
        context: Columns that may describe the situation before an impression.
        left: All other columns.
    """

    columns: Mapping[str, Column]
    is_given: frozenset[str]
    ids: IdType
    ts_unit: TimeUnit
    ts_format: str | None
    label: LabelRule
    labels: Mapping[str, int]
    context: tuple[Column, ...] = ()
    left: tuple[Column, ...] = field(default=())


def guess(sample: LogSample, given: Mapping[str, Column], ts_format: str | None = None) -> Guesses:
    """Guess the columns of a log that the user has not named.

    Args:
        sample: The first rows of the log.
        given: Columns that the user has named, by role.
        ts_format: Format of the time, if the user has given it.

    Raises:
        InputError: If a role has no column, or the format of the time is ambiguous. It says what
            to give.
    """
    for role, column in given.items():
        if column not in sample.columns:
            raise InputError(
                f"--column {role}={column}: {sample.file} has no such column; it has "
                f"{_listed(sample)}"
            )
    chosen: dict[str, Column] = dict(given)
    for role in ROLES:
        if role not in chosen:
            found = _find(role, sample, taken={*chosen.values()})
            if found is not None:
                chosen[role] = found
    missing = [role for role in ROLES[:4] if role not in chosen]
    if missing:
        raise InputError(
            f"{sample.file}: no column looks like the {missing[0]}; it has {_listed(sample)}: "
            f"name it, such as --column {missing[0]}={next(iter(sample.columns))}, or give "
            "the log's own file or folder"
        )
    unit, format_ = _time(sample, chosen["ts"], ts_format)
    roles = [chosen[role] for role in ("user_id", "item_id", "impression_id") if role in chosen]
    are_whole = all(_is_whole(sample.columns[column]) for column in roles)
    rule, labels = _label(sample.columns[chosen["label"]])
    others = [column for column in sample.columns if column not in chosen.values()]
    context = tuple(column for column in others if _is_context(column, sample.columns[column]))
    return Guesses(
        columns=chosen,
        is_given=frozenset(given),
        ids="int64" if are_whole else "string",
        ts_unit=unit,
        ts_format=format_,
        label=rule,
        labels=labels,
        context=context,
        left=tuple(column for column in others if column not in context),
    )


def _listed(sample: LogSample) -> str:
    return ", ".join(map(str, sample.columns))


def _find(role: str, sample: LogSample, taken: set[Column]) -> Column | None:
    fits = _FITS[role]
    candidates = [
        column for column, values in sample.columns.items() if column not in taken and fits(values)
    ]
    known = _NAMES[role].split()
    for name in known:
        for column in candidates:
            if _folded(column) == name:
                return column
    # Such as my_user_id or clicked_at_ts. Short words are in too many names.
    for column in candidates:
        if any(len(name) > 3 and name in _folded(column) for name in known):
            return column
    if role in ("ts", "label"):
        sure = [column for column in candidates if _is_sure(role, sample.columns[column])]
        return sure[0] if len(sure) == 1 else None
    return None


def _folded(column: Column) -> str:
    return re.sub("[^a-z0-9]", "", str(column).lower())


def _is_id(values: pa.Array) -> bool:
    kind = plain_type(values.type)
    return pa.types.is_string(kind) or _is_whole(values)


def _is_unique_id(values: pa.Array) -> bool:
    if not _is_id(values) or values.null_count or len(values) < 2:
        return False
    return len(values.unique()) == len(values)


def _is_whole(values: pa.Array) -> bool:
    numbers = _numbers(values)
    return numbers is not None and bool((numbers % 1 == 0).all() and (numbers.abs() < 2**53).all())


def _numbers(values: pa.Array) -> pd.Series | None:
    """All values as numbers, without nulls; None if one is none."""
    kind = plain_type(values.type)
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_string(kind)):
        return None
    stored = values.drop_null().to_pandas()
    numbers = pd.to_numeric(stored, errors="coerce")
    return None if numbers.isna().any() or numbers.empty else numbers


def _is_time(values: pa.Array) -> bool:
    kind = plain_type(values.type)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return True
    if not (pa.types.is_string(kind) or _numbers(values) is not None):
        return False
    return _unit(values) is not None or bool(_formats(values))


def _unit(values: pa.Array) -> TimeUnit | None:
    stored = values.drop_null()
    if not len(stored):
        return None
    kind = plain_type(values.type)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "timestamp"
    if _numbers(values) is not None:
        return likely_unit(stored, unmapped(), "")
    try:
        read = times_of(stored, unmapped(), "")
    except InputError:
        return None
    return "timestamp" if read.null_count < 0.1 * len(stored) else None


def _formats(values: pa.Array) -> list[str]:
    """The formats in which all times can be read that do not begin with the year."""
    if not pa.types.is_string(plain_type(values.type)):
        return []
    text = values.drop_null().to_pandas().str.strip()
    found = []
    for format_ in _FORMATS:
        read = pd.to_datetime(text, format=format_, errors="coerce")
        if len(text) and read.notna().all():
            found.append(format_)
    return found


def _time(sample: LogSample, column: Column, ts_format: str | None) -> tuple[TimeUnit, str | None]:
    values = sample.columns[column]
    if ts_format is not None:
        return "timestamp", ts_format
    if (unit := _unit(values)) is not None:
        return unit, None
    formats = _formats(values)
    if len(formats) == 1:
        return "timestamp", formats[0]
    value = next(iter(values.drop_null().to_pylist()), None)
    where = f"{sample.file}: column {column!r} holds {value!r}"
    if formats:
        raise InputError(
            f"{where}, which may begin with the day or the month: give --ts-format "
            f"{' or '.join(repr(one) for one in formats)}"
        )
    raise InputError(
        f"{where}, which is no time that can be read: give its format, such as --ts-format "
        "'%d.%m.%Y %H:%M', or another column by --column ts=NAME"
    )


def _is_label(values: pa.Array) -> bool:
    kind = plain_type(values.type)
    if pa.types.is_boolean(kind):
        return True
    if not (_numbers(values) is not None or pa.types.is_string(kind)):
        return False
    return 1 < len(values.drop_null().unique()) <= _MOST_VALUES


def _is_sure(role: str, values: pa.Array) -> bool:
    kind = plain_type(values.type)
    if role == "ts":
        return _unit(values) is not None
    numbers = _numbers(values)
    return pa.types.is_boolean(kind) or (numbers is not None and {*numbers.unique()} == {0, 1})


def _label(values: pa.Array) -> tuple[LabelRule, dict[str, int]]:
    """A rule by which the values are 0 or 1, with both among them if that can be."""
    counted = {
        str(one["values"]): one["counts"] for one in values.drop_null().value_counts().to_pylist()
    }
    numbers = _numbers(values)
    if pa.types.is_boolean(plain_type(values.type)):
        return LabelRule(), counted
    if numbers is None:
        words = [word for word in counted if word.strip().lower() in _POSITIVE]
        rarest = min(sorted(counted), key=lambda word: counted[word], default="")
        return LabelRule(equals=words[0] if words else rarest), counted
    distinct = sorted({*numbers})
    if {*distinct} <= {0, 1}:
        return LabelRule(), counted
    halves = [value for value in distinct if (numbers >= value).mean() <= 0.5]
    return LabelRule(at_least=float(halves[0] if halves else distinct[-1])), counted


def _is_context(column: Column, values: pa.Array) -> bool:
    kind = plain_type(values.type)
    is_plain = pa.types.is_string(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)
    if not is_plain or _AFTERWARDS.search(str(column).lower()):
        return False
    return 1 < len(values.unique()) <= min(_MOST_CONTEXT, max(len(values) // 5, 2))


_FITS: Mapping[str, Callable[[pa.Array], bool]] = {
    "user_id": _is_id,
    "item_id": _is_id,
    "ts": _is_time,
    "label": _is_label,
    "impression_id": _is_unique_id,
}
