"""Options of commands and stages: fields of a frozen dataclass, each declared once.

A field says how its text is read and what its help is; its name gives the flag (``as_of`` is
``--as-of``). ``jobs.cli.option_parser`` makes argparse arguments from such a class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from jobs.common.day_range import MOST_DAYS, day_count
from jobs.common.errors import InputError

_KEY = "option"
_MOST = 2**31 - 1


@dataclass(frozen=True)
class Option:
    """How one field is given on the command line.

    Args:
        parse: From text to the field's value. Raises ``InputError`` if the text is malformed.
            None for a flag that takes no value.
        help: One line, as ``--help`` prints it.
        required: Whether the option must be given.
        metavar: Placeholder of the value in ``--help``.
        is_positional: Whether the value is given without a flag.
        values: The values that a shell completes; None for names of files.
    """

    parse: Callable[[str], object] | None
    help: str
    required: bool = False
    metavar: str | None = None
    is_positional: bool = False
    values: Callable[[], Iterable[str]] | None = None


def option(
    parse: Callable[[str], object],
    help: str,
    *,
    default: object = None,
    metavar: str | None = None,
    values: Callable[[], Iterable[str]] | None = None,
) -> Any:
    """Declare an option that may be left out."""
    declared = Option(parse, help, metavar=metavar, values=values)
    return field(default=default, metadata={_KEY: declared})


def required_option(
    parse: Callable[[str], object],
    help: str,
    *,
    metavar: str | None = None,
    values: Callable[[], Iterable[str]] | None = None,
) -> Any:
    """Declare an option that must be given."""
    declared = Option(parse, help, required=True, metavar=metavar, values=values)
    return field(metadata={_KEY: declared})


def argument(
    parse: Callable[[str], object],
    help: str,
    *,
    metavar: str,
    values: Callable[[], Iterable[str]] | None = None,
) -> Any:
    """Declare a value that must be given, without a flag."""
    declared = Option(
        parse, help, required=True, metavar=metavar, is_positional=True, values=values
    )
    return field(metadata={_KEY: declared})


def flag(help: str) -> Any:
    """Declare an option without a value: False unless it is given."""
    return field(default=False, metadata={_KEY: Option(None, help)})


def declared_options(options: type) -> Mapping[str, Option]:
    """The options that a class declares, by field name, those of its base classes first."""
    return {one.name: one.metadata[_KEY] for one in fields(options)}


def default_values(options: type) -> Mapping[str, object]:
    """The values of the options that may be left out, by field name."""
    return {one.name: one.default for one in fields(options) if one.default is not MISSING}


def positive(text: str) -> int:
    """Read a whole number above 0.

    Raises:
        InputError: If it is not one.
    """
    if not text.isdecimal() or (number := whole_number(text)) < 1:
        raise InputError(f"{text!r} is not a whole number above 0")
    return number


def days(text: str) -> int:
    """Read a number of days above 0.

    Raises:
        InputError: If it is not one, or more than any window may have.
    """
    number = positive(text)
    if number > MOST_DAYS:
        raise InputError(f"{text!r} is more than {MOST_DAYS:,} days")
    return number


def whole_number(text: str) -> int:
    """Read a whole number.

    Raises:
        InputError: If it is not one.
    """
    try:
        number = int(text)
    except ValueError as error:
        raise InputError(f"{text!r} is not a whole number") from error
    if abs(number) > _MOST:
        raise InputError(f"{text!r} is larger than any number here: write {_MOST:,} at most")
    return number


def names(text: str) -> tuple[str, ...]:
    """Read names with commas between them."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def horizons(text: str) -> tuple[int, ...]:
    """Read distinct days of leak with commas between them.

    Raises:
        InputError: If a part is not a whole number of 0 or more, is repeated, or is more days than
            any window may have.
    """
    parts = [part.strip() for part in text.split(",")]
    found = tuple(day_count(part) for part in parts if part.isdecimal())
    if len(set(found)) != len(parts):
        raise InputError(f"{text!r}: write distinct days of leak, such as 7,30")
    return found
