"""Times in another unit or form than the scenario says, and clocks that are wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tests.reader_cases.raw_log import (
    RawLog,
    Record,
    either,
    impressions,
    in_job,
    published,
    refused,
    with_value,
    without,
)


def _timed(
    write: Callable[[datetime], object], records: list[Record] | None = None
) -> list[Record]:
    """Impressions with their times in another form."""
    return [{**r, "at": write(r["at"])} for r in records or impressions()]


def _microseconds(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _as_text(log: RawLog, write: Callable[[datetime], object]) -> None:
    log.good = impressions()
    log.csv("log.csv", _timed(write))
    log.scenario("log.csv", "csv")


def _as_number(log: RawLog, per_second: int, unit: str) -> None:
    log.good = impressions()
    log.parquet("log.parquet", _timed(lambda at: _microseconds(at) * per_second // 1_000_000))
    log.scenario("log.parquet", ts_unit=unit)


def _with_outlier(log: RawLog, at: datetime) -> None:
    log.good = without(impressions(), 4)
    log.parquet("log.parquet", with_value(impressions(), 4, at=at))
    log.scenario("log.parquet")


@either
@in_job
def a_clock_that_was_reset_to_2000(log: RawLog) -> None:
    _with_outlier(log, datetime(2000, 1, 1, 0, 0, 9, tzinfo=UTC))


@either
@in_job
def a_clock_that_was_reset_to_1970(log: RawLog) -> None:
    _with_outlier(log, datetime(1970, 1, 1, 0, 0, 9, tzinfo=UTC))


@either
@in_job
def a_clock_that_is_far_ahead(log: RawLog) -> None:
    _with_outlier(log, datetime(2099, 12, 31, tzinfo=UTC))


@either
def a_clock_at_the_end_of_time(log: RawLog) -> None:
    _with_outlier(log, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))


@either
@in_job
def one_second_among_milliseconds(log: RawLog) -> None:
    log.good = without(impressions(), 4)
    records = _timed(lambda at: _microseconds(at) // 1000)
    log.parquet("log.parquet", with_value(records, 4, at=records[4]["at"] // 1000))
    log.scenario("log.parquet", ts_unit="ms")


@either
def half_seconds_and_half_milliseconds(log: RawLog) -> None:
    records = _timed(lambda at: _microseconds(at) // 1000)
    log.good = impressions()[10:]
    log.parquet(
        "log.parquet",
        [{**r, "at": r["at"] // 1000} if n < 10 else r for n, r in enumerate(records)],
    )
    log.scenario("log.parquet", ts_unit="ms")


@refused("log.parquet", "at", "ms")
@in_job
def milliseconds_read_as_seconds(log: RawLog) -> None:
    _as_number(log, 1_000, "s")


@refused("log.parquet", "at", "ts_unit")
def seconds_read_as_milliseconds(log: RawLog) -> None:
    _as_number(log, 1, "ms")


@refused("log.parquet", "at")
def nanoseconds_read_as_microseconds(log: RawLog) -> None:
    _as_number(log, 1_000_000_000, "us")


@refused("log.parquet", "at", "ts_unit")
def milliseconds_without_a_unit(log: RawLog) -> None:
    _as_number(log, 1_000, "timestamp")


@refused("log.parquet", "at")
def days_since_1970_read_as_seconds(log: RawLog) -> None:
    log.parquet("log.parquet", _timed(lambda at: (at.date() - datetime(1970, 1, 1).date()).days))
    log.scenario("log.parquet", ts_unit="s")


@published
def seconds_as_floats(log: RawLog) -> None:
    log.good = impressions()
    log.parquet("log.parquet", _timed(lambda at: _microseconds(at) / 1_000_000))
    log.scenario("log.parquet", ts_unit="s")


@published
def microseconds_in_text(log: RawLog) -> None:
    log.good = impressions()
    log.csv("log.csv", _timed(_microseconds))
    log.scenario("log.csv", "csv", ts_unit="us")


@either
def numbers_beyond_all_bounds(log: RawLog) -> None:
    records = _timed(_microseconds)
    wrong = ["1e9999999", "1e400", "-1", "inf", "99999999999999999999", "1e18", "nan"]
    for number, text in enumerate(wrong):
        records = with_value(records, number, at=text)
    log.good = impressions()[len(wrong) :]
    log.csv("log.csv", records)
    log.scenario("log.csv", "csv", ts_unit="us")


@published
def floats_beyond_all_bounds(log: RawLog) -> None:
    records = _timed(lambda at: _microseconds(at) / 1_000_000)
    wrong = [1e300, -1e300, float("inf"), -float("inf"), float("nan"), -1.0]
    for number, value in enumerate(wrong):
        records = with_value(records, number, at=value)
    log.good = impressions()[len(wrong) :]
    log.parquet("log.parquet", records)
    log.scenario("log.parquet", ts_unit="s")


@published
def nanoseconds_in_text(log: RawLog) -> None:
    log.good = impressions()
    log.csv("log.csv", _timed(lambda at: _microseconds(at) * 1000 + 999))
    log.scenario("log.csv", "csv", ts_unit="ns")


@published
def day_first_with_a_format(log: RawLog) -> None:
    log.good = impressions()
    log.csv("log.csv", _timed(lambda at: f"{at:%d.%m.%Y %H:%M:%S}"))
    log.scenario("log.csv", "csv", ts_format="%d.%m.%Y %H:%M:%S")


@refused("log.csv", "at")
@in_job
def month_first(log: RawLog) -> None:
    _as_text(log, lambda at: f"{at:%m/%d/%Y %H:%M:%S}")


@refused("log.csv", "at")
def day_first(log: RawLog) -> None:
    _as_text(log, lambda at: f"{at:%d.%m.%Y %H:%M}")


@refused("log.csv", "at")
def a_year_of_two_digits(log: RawLog) -> None:
    _as_text(log, lambda at: f"{at:%y-%m-%d %H:%M:%S}")


@refused("log.csv", "at")
def a_time_of_day_without_a_day(log: RawLog) -> None:
    _as_text(log, lambda at: f"{at:%H:%M:%S}")


@either
@in_job
def some_rows_day_first(log: RawLog) -> None:
    records = impressions()
    log.good = [record for number, record in enumerate(records) if number % 3]
    log.csv(
        "log.csv",
        [
            record if number % 3 else {**record, "at": f"{record['at']:%d.%m.%Y %H:%M}"}
            for number, record in enumerate(records)
        ],
    )
    log.scenario("log.csv", "csv")


@either
def twelve_hours_and_a_word(log: RawLog) -> None:
    _as_text(log, lambda at: f"{at + timedelta(hours=0):%Y-%m-%d %I:%M:%S %p}")


@published
def iso_text_with_a_t_and_a_z(log: RawLog) -> None:
    _as_text(log, lambda at: f"{at:%Y-%m-%dT%H:%M:%SZ}")


@published
def iso_text_with_an_offset_and_a_fraction(log: RawLog) -> None:
    _as_text(log, lambda at: f"{at + timedelta(hours=5.5):%Y-%m-%dT%H:%M:%S}.000000+05:30")


@either
def text_with_the_word_utc(log: RawLog) -> None:
    _as_text(log, lambda at: f"{at:%Y-%m-%d %H:%M:%S} UTC")


@either
def text_with_an_offset_without_a_colon(log: RawLog) -> None:
    _as_text(log, lambda at: f"{at - timedelta(hours=8):%Y-%m-%d %H:%M:%S}-0800")


@either
def text_with_the_name_of_a_zone(log: RawLog) -> None:
    _as_text(log, lambda at: f"{at + timedelta(hours=9):%Y-%m-%d %H:%M:%S} Asia/Tokyo")


@either
def text_without_separators(log: RawLog) -> None:
    _as_text(log, lambda at: f"{at:%Y%m%d%H%M%S}")


@published
def days_that_do_not_exist(log: RawLog) -> None:
    records = impressions()
    wrong = [
        "2026-02-30 10:00:00",
        "2026-13-01",
        "2026-03-02 25:00:00",
        "0000-00-00 00:00:00",
        "soon",
    ]
    for number, text in enumerate(wrong):
        records = with_value(records, number, at=text)
    log.good = impressions()[len(wrong) :]
    log.csv("log.csv", records)
    log.scenario("log.csv", "csv")


@published
@in_job
def rows_of_another_day(log: RawLog) -> None:
    first, second = impressions(), impressions("2026-03-03", start=2)
    late = [{**record, "visitor": "late"} for record in impressions(count=3)]
    log.good = first + second
    log.csv("log/ds=2026-03-02/a.csv", first)
    log.csv("log/ds=2026-03-03/a.csv", second + late)
    log.scenario("log/ds={ds}", "csv")
