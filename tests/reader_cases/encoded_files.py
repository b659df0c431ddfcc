"""Compressed text files, and text in other encodings."""

from __future__ import annotations

import bz2
import gzip
import lzma

import pyarrow as pa

from tests.reader_cases.raw_log import (
    ZIP_OF_NOTHING,
    RawLog,
    csv_text,
    either,
    impressions,
    in_job,
    published,
    refused,
    with_values,
)
from tests.reader_cases.text_files import one_text_file


@published
@in_job
def mark_before_the_header(log: RawLog) -> None:
    one_text_file(log, csv_text(impressions()).encode("utf-8-sig"))


@published
@in_job
def bzip2(log: RawLog) -> None:
    one_text_file(log, bz2.compress(csv_text(impressions()).encode()), "log.csv.bz2")


@published
def zstandard(log: RawLog) -> None:
    packed = pa.compress(csv_text(impressions()).encode(), "zstd", asbytes=True)
    one_text_file(log, packed, "log.csv.zst")


@published
def several_members_of_gzip(log: RawLog) -> None:
    lines = csv_text(impressions()).encode().splitlines(keepends=True)
    packed = b"".join(gzip.compress(b"".join(part)) for part in (lines[:5], lines[5:]))
    one_text_file(log, packed, "log.csv.gz")


@published
def gzip_in_capitals(log: RawLog) -> None:
    one_text_file(log, gzip.compress(csv_text(impressions()).encode()), "LOG.CSV.GZ")


@refused("log.csv", "gzip", ".gz")
def gzip_under_a_plain_name(log: RawLog) -> None:
    one_text_file(log, gzip.compress(csv_text(impressions()).encode()))


@refused("log.csv.gz", "truncated")
def half_a_gzip_file(log: RawLog) -> None:
    packed = gzip.compress(csv_text(impressions()).encode())
    one_text_file(log, packed[: len(packed) // 2], "log.csv.gz")


@refused("log.csv.xz", "xz")
def xz(log: RawLog) -> None:
    one_text_file(log, lzma.compress(csv_text(impressions()).encode()), "log.csv.xz")


@refused("log.zip", "zip")
def zip_archive(log: RawLog) -> None:
    one_text_file(log, ZIP_OF_NOTHING, "log.zip")


@refused("log.csv", "Parquet", "kind")
def parquet_that_is_called_csv(log: RawLog) -> None:
    log.parquet("log.csv", impressions())
    log.scenario("log.csv", "csv")


@refused("log.csv", "utf-16")
def utf_16_without_its_mark(log: RawLog) -> None:
    one_text_file(log, csv_text(impressions()).encode("utf-16-be"), form={"encoding": "utf-16"})


@refused("base64", "encoding")
def an_encoding_that_is_none_of_text(log: RawLog) -> None:
    one_text_file(log, csv_text(impressions()), form={"encoding": "base64"})


@refused("log.csv", "utf-8", "encoding")
@in_job
def latin_1_without_saying_so(log: RawLog) -> None:
    records = with_values(impressions(), "product", ["blé", "blà", "bl"])
    one_text_file(log, csv_text(records).encode("latin-1"))


@published
def latin_1(log: RawLog) -> None:
    log.good = with_values(impressions(), "product", ["blé", "blà", "bl"])
    log.bytes("log.csv", csv_text(log.good).encode("latin-1"), rows=len(log.good))
    log.scenario("log.csv", "csv", form={"encoding": "latin-1"})


@either
def utf_16_without_saying_so(log: RawLog) -> None:
    one_text_file(log, csv_text(impressions()).encode("utf-16"))
