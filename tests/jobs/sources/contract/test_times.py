from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from jobs.common.errors import InputError
from jobs.sources.contract.times import likely_unit, times_of
from tests.jobs.sources.logs import table_source

START = int(datetime(2026, 1, 30, tzinfo=UTC).timestamp())
MICROS = START * 1_000_000


def micros(values: pa.Array, **options: Any) -> list[int | None]:
    found = times_of(values, table_source(**options), "a: column 't'")
    return [
        None if value is None else value - MICROS for value in found.cast(pa.int64()).to_pylist()
    ]


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("2026-01-30", 0),
        (" 2026-01-30T00:00:01Z ", 1_000_000),
        ("2026-01-30 00:00:00.000125", 125),
        ("2026-01-30 00:00:00,5", 500_000),
        ("2026-01-30T00:00:00.123456789", 123_456),
        ("2026-01-30 02:00:00+02:00", 0),
        ("2026-01-29 22:30:00 -0130", 0),
        ("2026-01-30T05+05", 0),
        ("2026/1/30 0:01", 60_000_000),
        ("2026.01.30 00:00:00 UTC", 0),
    ],
)
def test_iso_text(text: str, after: int) -> None:
    assert micros(pa.array([text])) == [after]
    # Beside a text that the fast parser cannot read.
    assert micros(pa.array(["noon", text, None, ""])) == [None, after, None, None]


@pytest.mark.parametrize(
    "text",
    ["", "12:30", "2026", "2026-01", "2026-02-30", "2026-13-01", "2026-01-30 24:00", "20260130"],
)
def test_text_that_is_no_time(text: str) -> None:
    assert micros(pa.array([text, "2026-01-30"])) == [None, 0]


@pytest.mark.parametrize("text", ["30.01.2026 00:00", "01/30/2026", "1-5-26 0:01"])
def test_a_text_that_begins_with_day_or_month_needs_a_format(text: str) -> None:
    with pytest.raises(InputError, match=rf"a: column 't' holds '{text}'.*set source.ts_format"):
        micros(pa.array(["2026-01-30 00:00:01", text]))


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("%d.%m.%Y %H:%M", "30.01.2026 00:01"),
        ("%m/%d/%Y %H:%M", "1/30/2026 0:01"),
        ("%d/%b/%Y:%H:%M:%S %z", "30/Jan/2026:02:01:00 +0200"),
        ("%Y%m%d%H%M%S.%f", "20260130000100.000000"),
    ],
)
def test_a_format_is_followed(form: str, text: str) -> None:
    assert micros(pa.array([text, "2026-01-30", None]), ts_format=form) == [60_000_000, None, None]


def test_a_format_is_for_text_alone() -> None:
    with pytest.raises(ValueError, match="either ts_format, for text, or ts_unit"):
        table_source(ts_format="%Y", ts_unit="s")


@pytest.mark.parametrize(
    ("unit", "text", "after"),
    [
        ("s", f"{START}", 0),
        ("s", f"{START}.000125", 125),
        ("s", "1.7697312E9", 0),
        ("ms", f"{START}250.5", 250_500),
        ("us", f"{START}000017.9", 17),
        ("ns", f"{START}000000999", 0),
        ("s", "soon", None),
        ("s", "-5", None),
        ("s", "NaN", None),
        ("s", "9" * 30, None),
        ("s", "1e999", None),
        ("s", "0", None),
    ],
)
def test_numbers_in_text_are_exact(unit: str, text: str, after: int | None) -> None:
    assert micros(pa.array([text, None]), ts_unit=unit) == [after, None]


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        (pa.array([START, None, 0, 2**62]), "s"),
        (pa.array([START * 1000, None, -1, 2**62]), "ms"),
        (pa.array([float(START), None, float("nan"), float("inf")]), "s"),
        (pa.array([START, None, 0, 0]).cast(pa.decimal128(24, 3)), "s"),
        (pa.array([START * 1000.0, None, 2.0**64, 0.0]), "ms"),
        (pa.array([START * 10**9, None, 2**64 - 1, 0], pa.uint64()), "ns"),
    ],
)
def test_numbers(values: pa.Array, unit: str) -> None:
    assert micros(values, ts_unit=unit) == [0, None, None, None]


@pytest.mark.parametrize(
    "kind",
    [
        pa.timestamp("s"),
        pa.timestamp("ms", tz="Asia/Tokyo"),
        pa.timestamp("us"),
        pa.timestamp("ns", tz="UTC"),
        pa.date32(),
        pa.date64(),
    ],
)
def test_times_of_parquet(kind: pa.DataType) -> None:
    values = pa.array([datetime(2026, 1, 30), None]).cast(pa.timestamp("us")).cast(kind)
    if isinstance(kind, pa.TimestampType) and kind.tz:
        values = pa.array([datetime(2026, 1, 30, tzinfo=UTC), None], kind)
    assert micros(values) == [0, None]


def test_times_outside_the_life_of_logs_are_null() -> None:
    days = [date(1989, 12, 31), date(1990, 1, 1), date(2099, 12, 31), date(2100, 1, 1)]
    found = times_of(pa.array(days), table_source(), "f")
    assert [value is None for value in found.to_pylist()] == [True, False, False, True]


@pytest.mark.parametrize(
    ("values", "unit", "problem"),
    [
        (pa.array([START]), "timestamp", "is int64, where ts needs a date or time"),
        (pa.array([date(2026, 1, 30)]), "s", r"is date32\[day\], where ts needs a number"),
        (pa.array([True]), "timestamp", "is bool, where ts needs a date or time"),
        (
            pa.array([[1]]),
            "s",
            "is list<item: int64>, where ts needs a date or time: map another column",
        ),
    ],
)
def test_a_type_that_is_no_time_is_refused(values: pa.Array, unit: str, problem: str) -> None:
    with pytest.raises(InputError, match=f"^a: column 't' {problem}"):
        micros(values, ts_unit=unit)


def test_the_unit_of_numbers_is_found() -> None:
    for position, unit in enumerate(("s", "ms", "us", "ns")):
        number = START * 1000**position
        for values in (pa.array([number]), pa.array([str(number)])):
            assert likely_unit(values, table_source(), "f") == unit
    assert likely_unit(pa.array([7]), table_source(), "f") is None
    assert likely_unit(pa.array(["noon"]), table_source(), "f") is None


def test_iso_text_equals_the_parser_of_python() -> None:
    generator = np.random.default_rng(0)
    seconds = generator.integers(631_152_000, 4_102_444_800, 300)
    times = [datetime.fromtimestamp(int(second), UTC) for second in seconds]
    texts = [
        f"{time:%Y-%m-%d %H:%M:%S}" if number % 2 else time.isoformat()
        for number, time in enumerate(times)
    ]
    assert times_of(pa.array(texts), table_source(), "f").to_pylist() == times
