"""A range of whole days, both ends included: the dates that a user names and a run covers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from jobs.common.errors import InputError


def parse_day(text: str) -> date:
    """Read ``YYYY-MM-DD``.

    Raises:
        InputError: If it is not a date.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text!r} is not a date: write YYYY-MM-DD") from error


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
        try:
            first, last = date.fromisoformat(parts[0]), date.fromisoformat(parts[-1])
        except ValueError as error:
            raise InputError(
                f"{text!r} is not a date: write YYYY-MM-DD or YYYY-MM-DD:YYYY-MM-DD"
            ) from error
        return cls(first, last)

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
