"""Kinds of a user's own: of installed packages, and those that a scenario names."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import cast, get_args

from jobs.common.errors import InputError
from jobs.preference.kind import PreferenceKind
from jobs.preference.kinds.custom_table import OwnTable
from jobs.scenarios import EvalRowsSeen, Mode, Scenario
from jobs.scenarios.custom_code import load_object, source_file

ENTRY_POINTS = "lis.preference_kinds"
_TEMPLATE = "see docs/preference_template.py"


@dataclass(frozen=True)
class OwnKind:
    """A kind that does not come with the project, and where it is from, for error lines."""

    where: str
    kind: PreferenceKind


def installed_kinds() -> Iterator[OwnKind]:
    """Kinds of installed packages: their entry points of the group ``lis.preference_kinds``.

    Raises:
        InputError: one cannot be imported, or is no kind; the line names it and its package.
    """
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        package = entry.dist.name if entry.dist is not None else "a package"
        where = f"entry point {entry.name} of {package}"
        try:
            found = entry.load()
        # A package may fail in any way; whichever it was, the one line says which package.
        except Exception as error:
            raise InputError(
                f"{where} cannot be imported ({_one_line(error)}): correct or uninstall {package}"
            ) from error
        yield OwnKind(where, _checked(found, where))


def named_kinds(scenario: Scenario) -> Iterator[OwnKind]:
    """Kinds of the scenario's ``custom_preferences``, in their order.

    Raises:
        InputError: one cannot be imported, or is no kind; the line names the file.
    """
    for own in scenario.custom_preferences:
        if isinstance(own, str):
            kind = _checked(load_object(own), own)
            _send_along(kind, source_file(own))
            yield OwnKind(own, kind)
        else:
            yield OwnKind(f"table {own.path}", OwnTable(own))


def _checked(found: object, where: str) -> PreferenceKind:
    """The kind itself, or one made from its class."""
    if isinstance(found, type):
        try:
            found = found()
        # See above.
        except Exception as error:
            raise InputError(
                f"{where} cannot be made without arguments ({_one_line(error)}): give each a "
                "default, or name an instance"
            ) from error
    for part, (is_right, wanted) in _PARTS.items():
        if not hasattr(found, part):
            raise InputError(f"{where} has no {part}: it must be {wanted}; {_TEMPLATE}")
        value = getattr(found, part)
        if not is_right(value):
            raise InputError(f"{where}: {part} is {value!r}, must be {wanted}; {_TEMPLATE}")
    kind = cast(PreferenceKind, found)
    if Mode.SWAP in kind.modes and (kind.keyed_by, kind.takes) != ("item", "vector"):
        raise InputError(
            f"{where}: modes name swap, which takes vectors keyed by item: leave swap out"
        )
    return kind


def _one_of(*allowed: str) -> tuple[Callable[[object], bool], str]:
    return lambda value: value in allowed, " or ".join(map(repr, allowed))


def _are_modes(value: object) -> bool:
    return isinstance(value, tuple) and bool(value) and set(value) <= set(Mode)


_PARTS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "name": (
        lambda value: isinstance(value, str) and bool(re.fullmatch("[a-z][a-z0-9_]*", value)),
        "small letters, digits and _",
    ),
    "summary": (lambda value: isinstance(value, str) and bool(value.strip()), "a line of text"),
    "keyed_by": _one_of("item", "impression"),
    "takes": _one_of("vector", "items"),
    "modes": (_are_modes, "a tuple such as ('retrain', 'probe')"),
    "eval_rows_seen": _one_of(*get_args(EvalRowsSeen)),
    "build": (callable, "a method build(self, behaviour)"),
}


def _send_along(kind: PreferenceKind, file: Path) -> None:
    """Have Spark send what a user's file defines to its workers, which cannot import the file."""
    module = sys.modules[type(kind).__module__]
    if Path(getattr(module, "__file__", None) or "") == file and module.__spec__ is not None:
        from pyspark import cloudpickle

        cloudpickle.register_pickle_by_value(module)  # type: ignore[no-untyped-call]


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
