"""Input that no one should give: seeded, so that a find comes again. ``make fuzz`` has more."""

from __future__ import annotations

import os
import random
from datetime import date, timedelta

from jobs.common.errors import one_line

SEED = 17
LONG = 5_000
TEXTS = (
    "",
    " ",
    "\t",
    "\n",
    "a\nb",
    "\r\n",
    "é",
    "名前",
    "٣",
    "²",
    "-",
    "--",
    "-1",
    "0",
    "null",
    "~",
    "true",
    "\x1b[31m",
    "\x7f",
    "\u202e",
    "\ufeff",
    "{{ ti }}",
    "{ds}",
    "$NO_SUCH_VARIABLE",
    "${}",
    "%s%n",
    "'",
    '"',
    "`id`",
    "$(id)",
    ";",
    "|",
    "<b>",
    "a,b",
    ",",
    ",,",
    ":",
    "::",
    "=",
    "@",
    "7@",
    "@2026-01-01",
    "x" * LONG,
    "é" * 300,
    "a," * 400,
)
NOT_TEXT = ("a\0b", "\udce9", "\ud800x")
"""A NUL, and bytes of a command line that are not UTF-8."""
PATHS = (
    ".",
    "..",
    "/",
    "~",
    "~nobody/x",
    "/dev/null",
    "/dev/null/x",
    "/proc/self/environ",
    "gone",
    "gone.yaml",
    "/gone/x.yaml",
    "x" * 300 + ".yaml",
    "a/" * 2_500 + "x.yaml",
    "s3://",
    "gs://",
    "ftp://host/x",
    "://",
    "http://user:secret@host/x",
    "file://host/x",
    "file:///gone",
    "file:",
    "%00",
    "[a-z]*",
    "?",
    "#",
    "a:b",
    ".yaml",
    "..yaml",
    "con.yml",
)
NUMBERS = (
    "0",
    "-1",
    "+1",
    "1e3",
    "1.5",
    "nan",
    "inf",
    "-inf",
    "0x10",
    "1_000",
    "007",
    "99999",
    "2147483648",
    "9223372036854775808",
    "9" * 400,
    "9" * LONG,
)
DAYS = (
    "0001-01-01",
    "0001-01-02",
    "9999-12-31",
    "9999-12-30",
    "1899-12-31",
    "1900-01-01",
    "2199-12-31",
    "2200-01-01",
    "1969-12-31",
    "2026-02-30",
    "2026-13-01",
    "0000-00-00",
    "2026-1-1",
    "20260101",
    "2026-W01-1",
    "2026-01-01T00:00",
    "2026-01-01 ",
    "tomorrow",
    "1700000000",
    "\uff12\uff10\uff12\uff16-01-01",
)


def count(full: int, few: int) -> int:
    """How many cases to run: all of them with ``LIS_FUZZ=full``, else a small share."""
    return full if os.environ.get("LIS_FUZZ") == "full" else few


def number_of(case: int) -> random.Random:
    """The source of chance of one case: the same whichever cases are run before it."""
    return random.Random(f"{SEED}-{case}")


def text(chance: random.Random, *, anything: bool = True) -> str:
    """A hostile text.

    Args:
        chance: Where it is drawn from.
        anything: Whether it may hold what is no text, such as a NUL.
    """
    pools = [TEXTS, PATHS, NUMBERS, DAYS, *([NOT_TEXT] if anything else [])]
    chosen = chance.choice(chance.choice(pools))
    if chance.random() < 0.2:
        chosen = "".join(chr(chance.choice((9, 32, 45, 46, 47, 58, 92, 233))) + chosen[:50])
    return chosen


def day(chance: random.Random) -> str:
    """A date or a range of dates, often at the ends of what can be named."""
    if chance.random() < 0.4:
        return chance.choice(DAYS)
    ends = (date(1900, 1, 1), date(2026, 1, 1), date(2199, 12, 1), date(1970, 1, 1))
    return str(chance.choice(ends) + timedelta(days=chance.randrange(30)))


def days(chance: random.Random) -> str:
    """A day, a range, or what looks like one."""
    return ":".join(day(chance) for _ in range(chance.choice((1, 1, 2, 2, 3))))


def is_clean(message: str) -> bool:
    """Whether a message is one readable line that hides no part of another."""
    return message == one_line(message) and message != ""
