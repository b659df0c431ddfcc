"""CSV files in the dialects of the tools that write them."""

from __future__ import annotations

import csv

from tests.reader_cases.raw_log import (
    COLUMNS,
    POSITIONS,
    RawLog,
    csv_text,
    either,
    impressions,
    in_job,
    numbered,
    published,
    refused,
    with_value,
    with_values,
    without,
)

WITH_TITLE = ("visitor", "product", "at", "title", "clicked", "place")


def one_text_file(
    log: RawLog, content: bytes | str, name: str = "log.csv", **options: object
) -> None:
    """A log that is one file with the usual impressions."""
    log.good = impressions()
    log.bytes(name, content, rows=len(log.good))
    log.scenario(name, "csv", **options)  # type: ignore[arg-type]


@refused("log.csv", "place")
@in_job
def two_columns_of_the_mapped_name(log: RawLog) -> None:
    records = with_values(impressions(), "twin", ["feed", "mail"])
    text = csv_text(records).replace("twin", "place", 1)
    one_text_file(log, text)


@published
def two_unmapped_columns_of_one_name(log: RawLog) -> None:
    records = [{"note": "a", "other": "b", **record} for record in impressions()]
    one_text_file(log, csv_text(records).replace("note,other", "note,note", 1))


@published
@in_job
def doubled_quotes(log: RawLog) -> None:
    titles = ['so called "deal, of the day"', 'cable 2", black', '"']
    one_text_file(log, csv_text(with_values(impressions(), "title", titles), WITH_TITLE))


@published
@in_job
def quoted_text_that_looks_like_a_label(log: RawLog) -> None:
    titles = ['rack 19", 1, grey', "rack, 1, 1", 'a "",1']
    records = with_values(impressions(), "title", titles)
    one_text_file(log, csv_text(records, WITH_TITLE))


@published
def quotes_around_everything(log: RawLog) -> None:
    one_text_file(log, csv_text(impressions(), quoting=csv.QUOTE_ALL))


@published
def quotes_within_a_field(log: RawLog) -> None:
    records = with_values(impressions(), "title", ['5" wide', "none"])
    text = csv_text(records, WITH_TITLE, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None)
    one_text_file(log, text, form={"delimiter": "\t"})


@refused("log.csv", "quote")
def a_quote_that_never_closes(log: RawLog) -> None:
    lines = csv_text(with_values(impressions(), "title", ["plain"]), WITH_TITLE).splitlines()
    lines[4] = lines[4].replace("plain", '"19 inch')
    one_text_file(log, "\n".join(lines) + "\n")


@published
@in_job
def newline_in_quotes(log: RawLog) -> None:
    titles = ["first\nsecond", "one", "three\r\nlines\n", "\n"]
    one_text_file(log, csv_text(with_values(impressions(), "title", titles), WITH_TITLE))


def _escaped(log: RawLog, **form: str) -> None:
    """A log as Spark writes it: a quote within a value has a backslash before it."""
    records = with_values(impressions(), "title", ["plain"])
    for number in (2, 5):
        records = with_value(records, number, title='"')
    text = csv_text(records, WITH_TITLE).replace('""""', '"\\""')
    one_text_file(log, text, form=form)


@refused("log.csv", "escape", '\\\\"')
def quotes_escaped_by_backslashes(log: RawLog) -> None:
    # Read as in RFC 4180, a quote swallows the rows up to the next one.
    _escaped(log)


@published
def quotes_escaped_as_the_scenario_says(log: RawLog) -> None:
    _escaped(log, escape="\\")


@refused("log.csv", "quote", "19 inch")
def quotes_without_a_meaning(log: RawLog) -> None:
    lines = csv_text(with_values(impressions(), "title", ["plain"]), WITH_TITLE).splitlines()
    for number in (4, 8):
        lines[number] = lines[number].replace("plain", '"19 inch')
    one_text_file(log, "\n".join(lines) + "\n")


@published
def quotes_without_a_meaning_as_the_scenario_says(log: RawLog) -> None:
    quotes_without_a_meaning(log)
    log.scenario("log.csv", "csv", form={"quote": ""})


@refused("log.csv", "quote")
def blanks_before_quotes(log: RawLog) -> None:
    text = csv_text(impressions(), quoting=csv.QUOTE_ALL).replace(',"p', ', "p')
    one_text_file(log, text)


@published
def a_backslash_at_the_end_of_a_quoted_value(log: RawLog) -> None:
    titles = ["C:\\my, files\\", "plain", "\\"]
    one_text_file(log, csv_text(with_values(impressions(), "title", titles), WITH_TITLE))


@either
def a_value_of_five_megabytes(log: RawLog) -> None:
    records = with_values(impressions(count=3), "title", ["x" * 5_000_000, "plain"])
    one_text_file(log, csv_text(records, WITH_TITLE))
    log.good, log.rows = impressions(count=3), 3


@either
def characters_without_a_meaning(log: RawLog) -> None:
    log.good = with_values(impressions(), "visitor", ["a\x00b", "a\x01b", "a\x1fb", "a\u2028b"])
    log.csv("log.csv", log.good)
    log.scenario("log.csv", "csv")


@either
def line_ends_of_an_old_mac(log: RawLog) -> None:
    one_text_file(log, csv_text(impressions(), ends="\r"))


@refused("log.csv", "visitor")
def a_comment_above_the_header(log: RawLog) -> None:
    one_text_file(log, "# exported on Monday\n" + csv_text(impressions()))


@refused("log.csv", "visitor")
def the_separator_of_excel_above_the_header(log: RawLog) -> None:
    one_text_file(log, "sep=,\n" + csv_text(impressions()))


@published
def windows_line_ends_and_none_at_the_end(log: RawLog) -> None:
    one_text_file(log, csv_text(impressions(), ends="\r\n").rstrip())


@published
def blank_lines(log: RawLog) -> None:
    one_text_file(log, csv_text(impressions(), ends="\n\n") + "\n\n")


@either
@in_job
def names_that_differ_by_case(log: RawLog) -> None:
    one_text_file(log, csv_text(with_values(impressions(), "VISITOR", ["other"])))


@either
@in_job
def a_blank_before_a_context_name(log: RawLog) -> None:
    one_text_file(log, csv_text(impressions()).replace(",place", ", place", 1))


@either
@in_job
def blanks_before_all_names(log: RawLog) -> None:
    one_text_file(log, csv_text(impressions()).replace(",".join(COLUMNS), ", ".join(COLUMNS), 1))


@published
def quotes_around_names(log: RawLog) -> None:
    header = ",".join(f'"{name}"' for name in COLUMNS)
    one_text_file(log, csv_text(impressions()).replace(",".join(COLUMNS), header, 1))


@published
@in_job
def text_table_of_hive(log: RawLog) -> None:
    records = with_value(with_value(impressions(), 5, visitor="\\N"), 7, place="\\N")
    log.good = without(with_value(impressions(), 7, place=""), 5)
    log.csv("log/000000_0", records, delimiter="\x01", header=False)
    log.scenario("log", "csv", POSITIONS, {"delimiter": "\x01", "header": False})


@published
def delimiter_of_two_characters(log: RawLog) -> None:
    text = csv_text(impressions(), delimiter="\x1f").replace("\x1f", "::")
    one_text_file(log, text, form={"delimiter": "::"})


@published
def delimiter_beyond_ascii(log: RawLog) -> None:
    records = with_values(impressions(), "title", ["a, þ b", "plain"])
    log.good = records
    log.csv("log.csv", records, delimiter="þ")
    log.scenario("log.csv", "csv", form={"delimiter": "þ"})


@either
def semicolons_where_the_scenario_says_commas(log: RawLog) -> None:
    one_text_file(log, csv_text(impressions(), delimiter=";"))


@published
@in_job
def words_for_nothing(log: RawLog) -> None:
    words = ["nan", "NULL", "None", "\\N", ""]
    records = impressions()
    for number, word in enumerate(words):
        records = with_value(records, 2 * number, visitor=word)
    log.good = without(records, 0, 2, 4, 6, 8)
    log.csv("log.csv", records)
    log.scenario("log.csv", "csv")


@published
@in_job
def other_order_of_columns_on_another_day(log: RawLog) -> None:
    first, second = impressions(), impressions("2026-03-03", start=4)
    log.good = first + second
    log.csv("log/ds=2026-03-02/a.csv", first)
    log.csv(
        "log/ds=2026-03-03/b.csv", second, columns=("place", "product", *COLUMNS[2:4], "visitor")
    )
    log.scenario("log/ds={ds}", "csv")


@refused("b.csv", "visitor")
def a_header_in_the_first_part_only(log: RawLog) -> None:
    log.csv("log/a.csv", impressions())
    log.csv("log/b.csv", impressions("2026-03-03"), header=False)
    log.scenario("log", "csv")


@published
def parts_that_were_joined_with_their_headers(log: RawLog) -> None:
    first, second = impressions(), impressions("2026-03-03", start=4)
    log.good = first + second
    # The header in the middle is a row without a time.
    log.bytes("log.csv", csv_text(first) + csv_text(second), rows=len(log.good) + 1)
    log.scenario("log.csv", "csv")


@published
def a_part_that_is_a_header_only(log: RawLog) -> None:
    log.good = impressions()
    log.csv("log/a.csv", log.good[:0], columns=COLUMNS)
    log.csv("log/b.csv", log.good)
    log.bytes("log/c.csv", b"")
    log.scenario("log", "csv")


@published
def a_note_below_the_rows(log: RawLog) -> None:
    log.good = impressions()
    log.bytes("log.csv", csv_text(log.good) + "(20 rows affected)\n", rows=len(log.good) + 1)
    log.scenario("log.csv", "csv")


@published
@in_job
def rows_that_are_too_short_or_too_long(log: RawLog) -> None:
    log.good = impressions()
    lines = csv_text(log.good).splitlines()
    lines.insert(3, "v1,p1,2026-03-02 00:00:00")
    lines.insert(9, "v1,p1,2026-03-02 00:00:00,1,feed,mail")
    log.bytes("log.csv", "\n".join(lines) + "\n", rows=len(log.good) + 2)
    log.scenario("log.csv", "csv")


@published
def text_ids_are_taken_as_written(log: RawLog) -> None:
    names = ["007", "7", " 7", "7.0", "1e3", "+7", "-0", "ÿ", "a'b", "x;y"]
    log.good = with_values(impressions(), "visitor", names)
    log.csv("log.csv", log.good)
    log.scenario("log.csv", "csv")


@published
def text_that_is_no_whole_number(log: RawLog) -> None:
    records = numbered(impressions())
    wrong = ["12.7", "1e3", "0x1f", "9223372036854775808", "1,5", "-", "٣", "1_000"]
    for number, text in enumerate(wrong):
        records = with_value(records, number, visitor=text)
    log.good = records[len(wrong) :]
    log.csv("log.csv", records)
    log.scenario("log.csv", "csv", ids="int64")


@published
def whole_numbers_at_the_edge(log: RawLog) -> None:
    log.good = with_values(
        numbered(impressions()), "visitor", [2**63 - 1, -(2**63), 2**53 + 1, -5, 0]
    )
    log.csv("log.csv", log.good)
    log.scenario("log.csv", "csv", ids="int64")


@published
def columns_by_position_below_a_header(log: RawLog) -> None:
    one_text_file(log, csv_text(impressions()), columns=POSITIONS)
