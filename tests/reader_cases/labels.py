"""Labels that a rule misses, or that are no labels."""

from __future__ import annotations

from decimal import Decimal

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


def _mapped_to(log: RawLog, no: object, yes: object) -> list[Record]:
    """The usual impressions, with other words for 0 and 1."""
    log.good = impressions()
    return [{**record, "clicked": yes if record["clicked"] else no} for record in log.good]


@refused("log.csv", "clicked", "Click")
@in_job
def a_label_in_other_capitals(log: RawLog) -> None:
    log.csv("log.csv", _mapped_to(log, "View", "Click"))
    log.scenario("log.csv", "csv", label={"equals": "click"})


@refused("log.csv", "clicked", "click ")
@in_job
def a_label_with_a_blank(log: RawLog) -> None:
    log.csv("log.csv", _mapped_to(log, "view ", "click "))
    log.scenario("log.csv", "csv", label={"equals": "click"})


@published
def a_label_that_equals_a_word(log: RawLog) -> None:
    log.csv("log.csv", _mapped_to(log, "view", "click"))
    log.scenario("log.csv", "csv", label={"equals": "click"})


@either
@in_job
def text_one_where_the_label_is_a_float(log: RawLog) -> None:
    log.parquet("log.parquet", _mapped_to(log, 0.0, 1.0))
    log.scenario("log.parquet", label={"equals": "1"})


@either
def number_one_where_the_label_is_text(log: RawLog) -> None:
    log.parquet("log.parquet", _mapped_to(log, "0", "1"))
    log.scenario("log.parquet", label={"equals": 1})


@either
def the_word_true_where_the_label_is_true(log: RawLog) -> None:
    log.parquet("log.parquet", _mapped_to(log, False, True))
    log.scenario("log.parquet", label={"equals": "True"})


@published
def labels_true_and_false(log: RawLog) -> None:
    log.parquet("log.parquet", _mapped_to(log, False, True))
    log.scenario("log.parquet")


@either
def labels_true_and_false_in_text(log: RawLog) -> None:
    log.csv("log.csv", _mapped_to(log, False, True))
    log.scenario("log.csv", "csv")


@refused("log.csv", "clicked", "'no'")
def labels_yes_and_no_without_a_rule(log: RawLog) -> None:
    log.csv("log.csv", _mapped_to(log, "no", "yes"))
    log.scenario("log.csv", "csv")


@refused("log.parquet", "clicked", "-1")
@in_job
def labels_minus_one_and_one(log: RawLog) -> None:
    log.parquet("log.parquet", _mapped_to(log, -1, 1))
    log.scenario("log.parquet")


@published
def labels_minus_one_and_one_with_a_rule(log: RawLog) -> None:
    log.parquet("log.parquet", _mapped_to(log, -1, 1))
    log.scenario("log.parquet", label={"equals": 1})


@published
def a_word_in_a_dictionary(log: RawLog) -> None:
    coded = pa.dictionary(pa.int8(), pa.string())
    log.parquet("log.parquet", table(_mapped_to(log, "view", "click"), clicked=coded))
    log.scenario("log.parquet", label={"equals": "click"})


@either
def labels_that_are_decimals(log: RawLog) -> None:
    log.parquet("log.parquet", _mapped_to(log, Decimal("0.00"), Decimal("1.00")))
    log.scenario("log.parquet")


@refused("log.parquet", "clicked", "list")
@in_job
def labels_that_are_lists(log: RawLog) -> None:
    log.parquet("log.parquet", [{**r, "clicked": [r["clicked"]]} for r in impressions()])
    log.scenario("log.parquet")


@either
def labels_that_are_all_missing(log: RawLog) -> None:
    log.parquet("log.parquet", table(with_values(impressions(), "clicked", [None])))
    log.scenario("log.parquet")


@published
def labels_that_are_no_labels_in_some_rows(log: RawLog) -> None:
    records = impressions()
    for number, text in enumerate(["2", "0.5", "", "NaN", "click"]):
        records = with_value(records, number, clicked=text)
    log.good = impressions()[5:]
    log.csv("log.csv", records)
    log.scenario("log.csv", "csv")


@published
def a_rating_that_is_missing(log: RawLog) -> None:
    records = with_values(impressions(), "clicked", [3.5, 4.0, 4.5, float("nan"), 5.0, -1.0])
    log.good = [
        {**record, "clicked": int(record["clicked"] >= 4)}
        for record in records
        if record["clicked"] == record["clicked"]
    ]
    log.parquet("log.parquet", table(records, clicked=pa.float64()))
    log.scenario("log.parquet", label={"at_least": 4})


@published
@in_job
def the_last_day_is_refused_whole(log: RawLog) -> None:
    log.good = impressions()
    log.parquet("log/ds=2026-03-02/p.parquet", log.good)
    log.parquet(
        "log/ds=2026-03-03/p.parquet", with_values(impressions("2026-03-03"), "clicked", [2, 3])
    )
    log.scenario("log/ds={ds}")


@published
@in_job
def the_first_day_is_refused_whole(log: RawLog) -> None:
    log.good = impressions("2026-03-03")
    log.parquet("log/ds=2026-03-02/p.parquet", with_values(impressions(), "visitor", [None, ""]))
    log.parquet("log/ds=2026-03-03/p.parquet", log.good)
    log.scenario("log/ds={ds}")


@published
@in_job
def derived_ids_that_look_alike(log: RawLog) -> None:
    records = impressions()
    pairs = [
        ("a-b", "c"),
        ("a", "b-c"),
        ("a%2Db", "c"),
        ("a\\-b", "c"),
        ("a", "b\\-c"),
        ("a--b", "c"),
    ]
    for number, (visitor, product) in enumerate(pairs):
        records = with_value(records, number, visitor=visitor, product=product, at=records[0]["at"])
    log.good = records
    log.parquet("log.parquet", records)
    log.scenario("log.parquet")


@published
@in_job
def one_impression_twice(log: RawLog) -> None:
    log.good = impressions()
    log.parquet("log/a.parquet", log.good)
    log.parquet("log/b.parquet", without(log.good, *range(15)))
    log.scenario("log")
