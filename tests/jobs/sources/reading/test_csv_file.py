"""Dialects of delimited text."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path
from typing import Any

import pytest

from jobs.common.errors import InputError
from jobs.lake.storage import Storage
from jobs.scenarios import CsvFormat
from jobs.sources.reading import csv_file, text_stream
from jobs.sources.reading.csv_file import CsvFile
from jobs.sources.reading.raw_file import MalformedRow

Rows = list[tuple[str | None, ...]]


def read(folder: Path, content: bytes, name: str = "log.csv", **options: Any) -> CsvFile:
    (folder / name).write_bytes(content)
    return CsvFile(CsvFormat(**options), Storage(str(folder)), name)


def rows_of(file: CsvFile) -> Rows:
    positions = range(len(file.names))
    return [
        row
        for batch in file.batches(positions)
        for row in zip(*(batch.columns[at].to_pylist() for at in positions), strict=True)
    ]


def malformed_of(file: CsvFile) -> list[MalformedRow]:
    return [row for batch in file.batches([0]) for row in batch.malformed]


@pytest.mark.parametrize(
    ("content", "options", "rows"),
    [
        (b"a,b\n1,2\n", {}, [("1", "2")]),
        (b"a,b\r\n1,2\r\n3,\r\n", {}, [("1", "2"), ("3", None)]),
        (b"\xef\xbb\xbfa,b\n1,2", {}, [("1", "2")]),
        (b"\n\na,b\n\n1,2\n\n", {}, [("1", "2")]),
        (b'a,b\n"1,5","say ""hi"""\n', {}, [("1,5", 'say "hi"')]),
        (b'a,b\n1,"two\nlines"\n3,4\n', {}, [("1", "two\nlines"), ("3", "4")]),
        (b'a,b\n1,5" wide\n', {}, [("1", '5" wide')]),
        (b'a,b\n1,"2\n3,4\n', {"quote": ""}, [("1", '"2'), ("3", "4")]),
        (b"1\x012\n", {"delimiter": "\x01", "header": False}, [("1", "2")]),
        (b'1::"x::y"\n::4\n', {"delimiter": "::", "header": False}, [("1", "x::y"), (None, "4")]),
        ("a,b\n1,é\n".encode("latin-1"), {"encoding": "latin-1"}, [("1", "é")]),
        ("a,b\n1,é\n".encode("utf-16"), {"encoding": "utf-16"}, [("1", "é")]),
        ("a,b\n1,日\n".encode(), {}, [("1", "日")]),
        (b"a\n1\n2\n", {}, [("1",), ("2",)]),
        (b"a,b\n", {}, []),
        (b"\n", {}, []),
        (b"", {}, []),
    ],
)
def test_dialects(tmp_path: Path, content: bytes, options: dict[str, Any], rows: Rows) -> None:
    file = read(tmp_path, content, **options)
    assert rows_of(file) == rows
    assert malformed_of(file) == []


@pytest.mark.parametrize(
    ("name", "pack"), [("log.csv.gz", gzip.compress), ("log.csv.bz2", bz2.compress)]
)
def test_compressed_files_are_unpacked_and_others_refused(
    tmp_path: Path, name: str, pack: Any
) -> None:
    assert rows_of(read(tmp_path, pack(b"a,b\n1,2\n"), name)) == [("1", "2")]
    with pytest.raises(InputError, match=rf"{name} is not a "):
        read(tmp_path, b"a,b\n1,2\n", name)
    with pytest.raises(InputError, match=r"log\.csv\.zip: \.zip cannot be read: unpack it"):
        read(tmp_path, b"PK", "log.csv.zip")


def test_rows_of_another_length_are_kept_apart(tmp_path: Path) -> None:
    file = read(tmp_path, b'a,b\n1,2\n3\n4,"x,y",6\n7,8\n')
    assert rows_of(file) == [("1", "2"), ("7", "8")]
    assert malformed_of(file) == [MalformedRow(1, "3"), MalformedRow(3, '4,"x,y",6')]


@pytest.mark.parametrize("content", [b'a,b\n1,"2\n3,4\n', b'a,b\n1,2\n"3', b'a\n"1\n2\n'])
def test_a_quote_that_is_never_closed_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match="a quote is opened and never closed"):
        rows_of(read(tmp_path, content))


def test_a_file_in_another_encoding_is_refused_with_the_value(tmp_path: Path) -> None:
    content = "a,b\n1,café\nx,é\né\n".encode("latin-1")
    with pytest.raises(InputError, match=r"'caf�' is not utf-8: set source\.format\.encoding"):
        rows_of(read(tmp_path, content))
    with pytest.raises(InputError, match=r"is not utf-8: set source\.format\.encoding"):
        read(tmp_path, "a,b\n1,2\n".encode("utf-16-le"))


def test_a_column_that_is_not_read_may_be_in_any_encoding(tmp_path: Path) -> None:
    file = read(tmp_path, "a,b\n1,é\n2,x\n".encode("latin-1"))
    assert [batch.columns[0].to_pylist() for batch in file.batches([0]) if batch.rows] == [
        ["1", "2"]
    ]


def test_a_control_character_that_stands_for_the_delimiter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="control character 0x1f"):
        rows_of(read(tmp_path, b"a::b\n1\x1f::2\n", delimiter="::"))


@pytest.mark.parametrize("delimiter", [",", "::"])
def test_a_file_of_many_blocks(
    tmp_path: Path, delimiter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (text_stream, csv_file):
        monkeypatch.setattr(module, "BLOCK", 64)
    lines = [f"{n}{delimiter}é{n % 7}\n" for n in range(200)]
    content = f"a{delimiter}b\n{''.join(lines)}7\n".encode()
    file = read(tmp_path, content, delimiter=delimiter)
    assert rows_of(file) == [(str(n), f"é{n % 7}") for n in range(200)]
    assert malformed_of(file) == [MalformedRow(1, "7")]
    with pytest.raises(InputError, match="a row is longer than"):
        rows_of(read(tmp_path, content + b'1,"' + b"z" * 400 + b'"\n'))
