"""Options that are declared once, and the texts that they are read from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from jobs.common.errors import InputError
from jobs.common.options import (
    declared_options,
    default_values,
    flag,
    horizons,
    names,
    option,
    positive,
    required_option,
    whole_number,
)


@dataclass(frozen=True, kw_only=True)
class Base:
    scenario: str = required_option(str, "the feed")


@dataclass(frozen=True, kw_only=True)
class Options(Base):
    rows: int = option(positive, "how many", default=3)
    json: bool = flag("as JSON")


def test_options_of_a_base_class_come_first() -> None:
    assert list(declared_options(Options)) == ["scenario", "rows", "json"]


def test_only_what_may_be_left_out_has_a_default() -> None:
    assert default_values(Options) == {"rows": 3, "json": False}
    assert [one.required for one in declared_options(Options).values()] == [True, False, False]


def test_texts_are_read() -> None:
    assert positive("12") == 12
    assert whole_number("-4") == -4
    assert names("swap, probe,") == ("swap", "probe")
    assert horizons("7, 30") == (7, 30)


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        *((positive, text) for text in ("0", "-3", "²", "x", "")),
        *((whole_number, text) for text in ("1.5", "x", "")),
        *((horizons, text) for text in ("7,x", "7,7", "7,07", "", "7,", "1.5", "²")),
    ],
)
def test_a_malformed_text_is_named(parse: Callable[[str], object], text: str) -> None:
    with pytest.raises(InputError, match=r"^'"):
        parse(text)
