"""A range of whole days, both ends included: the dates that a user names and a run covers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from jobs.common.errors import InputError

FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)
MOST_DAYS = 3_650
"""Of a leak or a window. From a day that can be named, it ends within the calendar, and within the
years that are counted in nanoseconds (1678 to 2261)."""


def parse_day(text: str) -> date:
    """Read ``YYYY-MM-DD``.

    Raises:
        InputError: If it is not a date, or of no year that a log can be of.
    """
    return _day(text, text, "YYYY-MM-DD")


def day_count(text: str) -> int:
    """Read a number of days of 0 or more.

    Raises:
        InputError: If it is not one, or more than any window may have.
    """
    # As many digits as could be read are more than any number of days.
    if not text.isdecimal() or len(text) > len(str(MOST_DAYS)) or int(text) > MOST_DAYS:
        raise InputError(f"{text!r} is not a number of days from 0 to {MOST_DAYS:,}")
    return int(text)


def _day(text: str, of: str, form: str) -> date:
    """Read a date that is a part of a text, whose form an error names."""
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{of!r} is not a date: write {form}") from error
    if not FIRST_DAY <= day <= LAST_DAY:
        raise InputError(f"{of!r}: days are from {FIRST_DAY} to {LAST_DAY}")
    return day


@dataclass(frozen=True, order=True)
class DayRange:
    """The days from ``first`` to ``last``, both included.

    Raises:
        InputError: If the range ends before it begins.
    """

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise InputError(
                f"the range {self.first} to {self.last} ends before it begins: swap the dates"
            )

    @classmethod
    def of_day(cls, day: date) -> DayRange:
        """The range of a single day."""
        return cls(day, day)

    @classmethod
    def parse(cls, text: str) -> DayRange:
        """Read ``YYYY-MM-DD`` or ``YYYY-MM-DD:YYYY-MM-DD``; ``str`` is the inverse.

        Raises:
            InputError: If a part is no date, there are more than two, or the dates are swapped.
        """
        parts = text.split(":")
        if len(parts) > 2:
            raise InputError(f"{text!r} has too many parts: write YYYY-MM-DD:YYYY-MM-DD")
        form = "YYYY-MM-DD or YYYY-MM-DD:YYYY-MM-DD"
        return cls(_day(parts[0], text, form), _day(parts[-1], text, form))

    def __str__(self) -> str:
        return f"{self.first}" if self.is_single_day else f"{self.first}:{self.last}"

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.first <= day <= self.last

    def __iter__(self) -> Iterator[date]:
        return (self.first + timedelta(days=offset) for offset in range(len(self)))

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def days(self) -> tuple[date, ...]:
        """Every day of the range, ascending."""
        return tuple(self)

    @property
    def is_single_day(self) -> bool:
        """Whether the range is one day, as opposed to days that are pooled."""
        return self.first == self.last


def day_ranges(text: str) -> tuple[DayRange, ...]:
    """Read ranges with commas between them; ``shown_ranges`` is the inverse.

    Raises:
        InputError: If one is malformed.
    """
    return tuple(DayRange.parse(part.strip()) for part in text.split(",") if part.strip())


def shown_ranges(ranges: Iterable[DayRange]) -> str:
    """The ranges as ``day_ranges`` reads them."""
    return ",".join(map(str, ranges))


def ranges_of(days: Iterable[date]) -> tuple[DayRange, ...]:
    """The fewest ranges that hold exactly these days, ascending."""
    found: list[DayRange] = []
    for day in sorted(set(days)):
        if found and found[-1].last + timedelta(days=1) == day:
            found[-1] = DayRange(found[-1].first, day)
        else:
            found.append(DayRange.of_day(day))
    return tuple(found)
