"""From classes of ``jobs.common.options`` to argparse, and back to their values."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeVar

from jobs.cli.completion import complete
from jobs.common.errors import InputError
from jobs.common.options import declared_options, default_values

OptionsT = TypeVar("OptionsT")


def add_options(parser: argparse.ArgumentParser, options: type) -> None:
    """Add an argument for each option that a class declares."""
    defaults = default_values(options)
    for name, option in declared_options(options).items():
        flag, shown = f"--{name.replace('_', '-')}", option.help.replace("%", "%%")
        if option.parse is None:
            parser.add_argument(flag, action="store_true", help=shown)
            continue
        parse = _checked(option.parse)
        if option.is_positional:
            added = parser.add_argument(name, type=parse, metavar=option.metavar, help=shown)
        else:
            added = parser.add_argument(
                flag,
                type=parse,
                default=defaults.get(name),
                required=option.required,
                metavar=option.metavar,
                help=shown,
            )
        complete(added, option)


def read_options(namespace: argparse.Namespace, options: type[OptionsT]) -> OptionsT:
    """The values that were typed, as an object of the class that declares them."""
    return options(**{name: getattr(namespace, name) for name in declared_options(options)})


def _checked(parse: Callable[[str], object]) -> Callable[[str], object]:
    """The same, with errors that argparse prints as they are."""

    def parse_argument(text: str) -> object:
        try:
            return parse(_readable(text))
        except InputError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parse_argument


def _readable(text: str) -> str:
    """The same; neither Arrow nor Spark can be given any other text.

    Raises:
        InputError: If it has bytes that are not UTF-8, or a NUL.
    """
    if "\0" in text or any("\ud800" <= one <= "\udfff" for one in text):
        raise InputError(f"{text!r} is not text in UTF-8: rename what it stands for")
    return text
