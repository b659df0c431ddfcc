"""Parquet files whose columns have types that differ, or that an engine cannot read."""

from __future__ import annotations

import pyarrow as pa

from tests.reader_cases.raw_log import (
    RawLog,
    Record,
    either,
    impressions,
    in_job,
    published,
    refused,
    table,
    with_value,
    with_values,
    without,
)


def two_days(log: RawLog) -> tuple[list[Record], list[Record]]:
    """Two days that must be published."""
    first, second = impressions(), impressions("2026-03-03", start=5)
    log.good = first + second
    return first, second


def write_days(
    log: RawLog, first: pa.Table | list[Record], second: pa.Table | list[Record]
) -> None:
    """Write two days, each in a folder of its own."""
    log.parquet("log/ds=2026-03-02/part.parquet", first)
    log.parquet("log/ds=2026-03-03/part.parquet", second)
    log.scenario("log/ds={ds}")


def one_file(log: RawLog, content: pa.Table | list[Record], **source: object) -> None:
    log.parquet("log.parquet", content)
    log.scenario("log.parquet", **source)  # type: ignore[arg-type]


@published
@in_job
def brotli(log: RawLog) -> None:
    log.good = impressions()
    log.parquet("log.parquet", log.good, compression="brotli")
    log.scenario("log.parquet")


@published
@in_job
def an_encoding_of_an_unmapped_column(log: RawLog) -> None:
    log.good = impressions()
    content = table(with_values(log.good, "score", [0.25, 0.5]))
    plain = dict.fromkeys(content.column_names, "PLAIN")
    encodings = {**plain, "score": "BYTE_STREAM_SPLIT"}
    log.parquet("log.parquet", content, use_dictionary=False, column_encoding=encodings)
    log.scenario("log.parquet")


@published
@in_job
def an_unmapped_column_changes_its_type(log: RawLog) -> None:
    first, second = two_days(log)
    write_days(log, with_values(first, "price", [9]), with_values(second, "price", ["9.50 EUR"]))


@published
@in_job
def unmapped_columns_of_odd_types(log: RawLog) -> None:
    log.good = impressions()
    content = table(log.good)
    odd = {
        "clock": pa.array([number * 1000 for number in range(20)], pa.time64("us")),
        "half": pa.array([0.5] * 20, pa.float16()),
        "took": pa.array([3] * 20, pa.duration("ms")),
        "nothing": pa.nulls(20),
        "map": pa.array([[("a", 1)]] * 20, pa.map_(pa.string(), pa.int32())),
    }
    for name, values in odd.items():
        content = content.append_column(name, values)
    one_file(log, content)


@published
def an_unmapped_column_is_missing_on_a_day(log: RawLog) -> None:
    first, second = two_days(log)
    write_days(log, with_values(first, "score", [1.5]), second)


@refused("2026-03-03", "place")
def a_mapped_column_is_missing_on_a_day(log: RawLog) -> None:
    first, second = two_days(log)
    write_days(log, first, table(second).drop_columns(["place"]))


@published
def other_order_of_parquet_columns_on_a_day(log: RawLog) -> None:
    first, second = two_days(log)
    write_days(log, first, table(second).select(["place", "product", "clicked", "visitor", "at"]))


@either
@in_job
def parquet_names_that_differ_by_case(log: RawLog) -> None:
    log.good = impressions()
    one_file(log, with_values(log.good, "VISITOR", ["other"]))


@refused("log.parquet", "visitor")
def two_parquet_columns_of_the_mapped_name(log: RawLog) -> None:
    content = table(impressions())
    one_file(log, content.append_column("visitor", content["product"]))


@published
@in_job
def names_with_quotes_points_and_blanks(log: RawLog) -> None:
    log.good = impressions()
    records = [{**r, "a`b": 1, "x.y": 2, "two words": 3, "": 4, 'q"': 5} for r in log.good]
    one_file(log, records)


@published
def mapped_names_with_points_and_blanks(log: RawLog) -> None:
    log.good = impressions()
    names = ["event.user`s", "product id", "at", "clicked", "place"]
    log.parquet("log.parquet", table(log.good).rename_columns(names))
    log.scenario("log.parquet", columns={"user_id": names[0], "item_id": names[1]})


@published
@in_job
def names_that_the_engine_uses_itself(log: RawLog) -> None:
    first, second = two_days(log)
    own = {"_metadata": "x", "ds": "1999-01-01", "_day": "y", "reason": "z", "file_day": "f"}
    write_days(
        log, [{**r, **own, "row": 1} for r in first], [{**r, **own, "row": 1} for r in second]
    )


@either
@in_job
def a_context_field_that_is_called_hour(log: RawLog) -> None:
    log.good = impressions()
    records = [{**r, "local_hour": (r["at"].hour + 7) % 24} for r in log.good]
    log.parquet("log.parquet", records)
    mapped = {"context": {"place": "place", "hour": "local_hour"}}
    log.scenario("log.parquet", columns=mapped, context=("place", "hour"))


@published
@in_job
def an_empty_part_beside_a_full_one(log: RawLog) -> None:
    log.good = impressions()
    folder = "log/ds=2026-03-02"
    log.parquet(f"{folder}/part-0.parquet", table(log.good)[:0])
    log.parquet(f"{folder}/part-1.parquet", log.good)
    log.bytes(f"{folder}/part-2.parquet", b"")
    for name in ("_SUCCESS", ".part-1.parquet.crc", ".DS_Store"):
        log.bytes(f"{folder}/{name}", b"x")
    log.scenario("log/ds={ds}")


@published
@in_job
def a_stale_checksum_beside_a_part(log: RawLog) -> None:
    log.good = impressions()
    log.parquet("log/part-0.parquet", log.good)
    log.bytes("log/.part-0.parquet.crc", b"crc\x00\x00\x00\x02\x00" + b"\x0f\x2e\x3d\x4c" * 9)
    log.scenario("log")


@refused("log.parquet", "Parquet")
def half_a_parquet_file(log: RawLog) -> None:
    log.parquet("log.parquet", impressions())
    path = log.raw / "log.parquet"
    path.write_bytes(path.read_bytes()[:900])
    log.scenario("log.parquet")


@refused("README.txt", "Parquet")
def a_note_beside_parquet_files(log: RawLog) -> None:
    log.parquet("log/part.parquet", impressions())
    log.bytes("log/README.txt", "Exported on Monday.\n")
    log.scenario("log")


@published
@in_job
def labels_int32_then_int64(log: RawLog) -> None:
    first, second = two_days(log)
    write_days(log, table(first, clicked=pa.int32()), second)


@published
@in_job
def labels_whole_then_float_with_a_null(log: RawLog) -> None:
    first, second = two_days(log)
    damaged = with_value(second, 6, clicked=None)
    log.good = first + without(second, 6)
    write_days(log, first, table(damaged, clicked=pa.float64()))


@published
@in_job
def a_context_of_nulls_on_the_second_day(log: RawLog) -> None:
    first, second = two_days(log)
    log.good = first + [{**record, "place": ""} for record in second]
    write_days(log, first, [{**record, "place": None} for record in second])


@published
def a_context_whole_then_float_with_a_null(log: RawLog) -> None:
    first, second = two_days(log)
    places = with_values(second, "place", [3, None, 5])
    log.good = with_values(first, "place", ["3", "4"]) + with_values(
        second, "place", ["3", "", "5"]
    )
    write_days(log, with_values(first, "place", [3, 4]), table(places, place=pa.float64()))


@published
def dictionary_then_plain_text(log: RawLog) -> None:
    first, second = two_days(log)
    coded = pa.dictionary(pa.int32(), pa.string())
    write_days(log, table(first, visitor=coded, product=coded, place=coded), second)


@published
def text_of_every_form(log: RawLog) -> None:
    first, second = two_days(log)
    write_days(
        log,
        table(first, visitor=pa.large_string(), product=pa.string_view()),
        table(second, visitor=pa.binary(), product=pa.string()),
    )


@refused("2026-03-02", "2026-03-03", "at")
def times_as_text_then_as_timestamps(log: RawLog) -> None:
    first, second = two_days(log)
    write_days(log, [{**record, "at": record["at"].isoformat()} for record in first], second)


def _moments(log: RawLog, zones: tuple[str | None, ...]) -> None:
    days = [impressions(f"2026-03-0{day}", start=day) for day in range(2, 6)]
    log.good = [record for day in days for record in day]
    for records, unit, zone in zip(days, ("ns", "us", "ms", "s"), zones, strict=True):
        naive = [{**r, "at": r["at"] if zone else r["at"].replace(tzinfo=None)} for r in records]
        log.parquet(
            f"log/ds={records[0]['at']:%Y-%m-%d}/part.parquet",
            table(naive, at=pa.timestamp(unit, zone)),
        )
    log.scenario("log/ds={ds}")


@published
def timestamps_in_every_unit(log: RawLog) -> None:
    _moments(log, (None, None, None, None))


@published
def timestamps_in_every_unit_and_some_zones(log: RawLog) -> None:
    _moments(log, ("UTC", "Asia/Kolkata", "+01:00", "UTC"))


@either
def timestamps_with_and_without_a_zone(log: RawLog) -> None:
    _moments(log, ("UTC", None, None, "UTC"))


@refused("part.parquet", "country")
def a_column_that_is_only_in_the_path(log: RawLog) -> None:
    log.parquet("log/country=DE/part.parquet", impressions())
    log.scenario("log", columns={"context": {"place": "country"}})


@refused("log.parquet", "event.user")
def a_field_within_a_struct(log: RawLog) -> None:
    records = [{**record, "event": {"user": record["visitor"]}} for record in impressions()]
    one_file(log, records, columns={"user_id": "event.user"})


@published
def several_row_groups(log: RawLog) -> None:
    log.good = impressions()
    log.parquet("log.parquet", log.good, row_group_size=3)
    log.scenario("log.parquet")


@published
def timestamps_as_int96(log: RawLog) -> None:
    log.good = impressions()
    log.parquet("log.parquet", log.good, use_deprecated_int96_timestamps=True)
    log.scenario("log.parquet")


@published
def dates_as_times(log: RawLog) -> None:
    # Users and items of a day are all different, so that no two rows have one derived id.
    records = [{**r, "visitor": f"v{n}", "at": r["at"].date()} for n, r in enumerate(impressions())]
    log.good = [
        {**r, "at": old["at"].replace(hour=0, minute=0, second=0)}
        for r, old in zip(records, impressions(), strict=True)
    ]
    one_file(log, records)
