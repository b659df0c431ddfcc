"""Quotes that stand where RFC 4180 has none are found, wherever the text is cut."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.sources.reading.quotes import MisplacedQuote, with_quotes_checked


def _passed(text: str, cut: int = 1 << 20, delimiter: str = ",", escape: str = "") -> bytes:
    data = text.encode()
    chunks = [data[at : at + cut] for at in range(0, len(data), cut)]
    return b"".join(with_quotes_checked(chunks, delimiter, '"', escape))


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 1 << 20])
@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,2\n",
        '"a","b"\r\n"1, 2","say ""so"""\r\n',
        '5" wide,19" rack\n',
        '"two\nlines",1\n"",""\n',
        '"ends with a backslash\\",1\n',
        '"""",""""""\n',
        '"never closed,1\n2,3\n',
    ],
)
def test_text_as_in_the_standard_is_passed_on(text: str, cut: int) -> None:
    assert _passed(text, cut) == text.encode()


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 1 << 20])
@pytest.mark.parametrize(
    "text",
    [
        'u1,"19 inch,0\nu2,plain,1\nu3,"22 inch,1\n',
        'u1,"\\"",0\nu2,plain,1\nu3,"\\"",1\n',
        'u1,"say \\"so\\"",0\n',
        '"u1" ,1\n',
    ],
)
def test_text_after_a_closing_quote_is_refused(text: str, cut: int) -> None:
    with pytest.raises(MisplacedQuote):
        _passed(text, cut)


def test_the_text_around_a_misplaced_quote_is_shown() -> None:
    with pytest.raises(MisplacedQuote, match=r'(?s)^u2,"19 inch,0.u3,"22 inch,1'):
        _passed('u1,plain,1\nu2,"19 inch,0\nu3,"22 inch,1\n')


def test_a_blank_before_an_opening_quote_is_refused() -> None:
    with pytest.raises(MisplacedQuote, match='u1, "i1"'):
        _passed('u1, "i1",0\n')


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 1 << 20])
def test_an_escaped_quote_is_part_of_the_value(cut: int) -> None:
    text = 'u1,"\\"",0\nu2,"say \\"so\\", x\\\\",1\n'
    assert _passed(text, cut, escape="\\") == text.encode()


CELL = st.text(st.sampled_from('ab",\n\r; \\é'), max_size=5)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(CELL, min_size=2, max_size=3), min_size=1, max_size=5), st.integers(1, 9))
def test_what_a_csv_writer_quotes_is_passed_on(rows: list[list[str]], cut: int) -> None:
    stream = io.StringIO()
    csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    assert _passed(stream.getvalue(), cut) == stream.getvalue().encode()
