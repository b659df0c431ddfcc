"""Custom kinds: those of installed packages, and those that a scenario names."""

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
from jobs.preference.kinds.custom_table import CustomTable
from jobs.scenarios import EvalRowsSeen, Mode, Scenario
from jobs.scenarios.custom_code import load_object, source_file

ENTRY_POINTS = "lis.preference_kinds"
_TEMPLATE = "see docs/preference_template.py"


@dataclass(frozen=True)
class CustomKind:
    """A kind that does not come with the project.

    Attributes:
        origin: Where it is defined, for error messages.
    """

    origin: str
    kind: PreferenceKind


def installed_kinds() -> Iterator[CustomKind]:
    """Kinds of installed packages: their entry points of the group ``lis.preference_kinds``.

    Raises:
        InputError: If one cannot be imported, or is not a kind; the message names it and its
            package.
    """
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        package = entry.dist.name if entry.dist is not None else "a package"
        origin = f"entry point {entry.name} of {package}"
        try:
            found = entry.load()
        # A package may fail with any exception; the message must name the package in every case.
        except Exception as error:
            raise InputError(
                f"{origin} cannot be imported ({_one_line(error)}): correct or uninstall {package}"
            ) from error
        yield CustomKind(origin, _checked(found, origin))


def scenario_kinds(scenario: Scenario) -> Iterator[CustomKind]:
    """Kinds of the scenario's ``custom_preferences``, in their order.

    Raises:
        InputError: If one cannot be imported, or is not a kind; the message names the file.
    """
    for custom in scenario.custom_preferences:
        if isinstance(custom, str):
            kind = _checked(load_object(custom), custom)
            _send_to_workers(kind, source_file(custom))
            yield CustomKind(custom, kind)
        else:
            yield CustomKind(f"table {custom.path}", CustomTable(custom))


def _checked(found: object, origin: str) -> PreferenceKind:
    """Check that an object, or an instance of a class, is a kind, and return it."""
    if isinstance(found, type):
        try:
            found = found()
        # See above.
        except Exception as error:
            raise InputError(
                f"{origin} cannot be created without arguments ({_one_line(error)}): give each a "
                "default, or name an instance"
            ) from error
    for name, (is_valid, expected) in _ATTRIBUTES.items():
        if hasattr(found, name):
            value = getattr(found, name)
            if not is_valid(value):
                raise InputError(f"{origin}: {name} is {value!r}, must be {expected}; {_TEMPLATE}")
        elif name not in _OPTIONAL:
            raise InputError(f"{origin} has no {name}: it must be {expected}; {_TEMPLATE}")
    kind = cast(PreferenceKind, found)
    if Mode.SWAP in kind.modes and (kind.keyed_by, kind.takes) != ("item", "vector"):
        raise InputError(
            f"{origin}: modes name swap, which takes vectors keyed by item: leave swap out"
        )
    return kind


def _one_of(*allowed: str) -> tuple[Callable[[object], bool], str]:
    return lambda value: value in allowed, " or ".join(map(repr, allowed))


def _are_modes(value: object) -> bool:
    return isinstance(value, tuple) and bool(value) and set(value) <= set(Mode)


def _is_phrase(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(value.format(days="7 days").strip())
    except (LookupError, ValueError):
        return False


_OPTIONAL = {"phrase"}
_ATTRIBUTES: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "name": (
        lambda value: isinstance(value, str) and bool(re.fullmatch("[a-z][a-z0-9_]*", value)),
        "lower-case letters, digits and _",
    ),
    "summary": (lambda value: isinstance(value, str) and bool(value.strip()), "a line of text"),
    "keyed_by": _one_of("item", "impression"),
    "takes": _one_of("vector", "items"),
    "modes": (_are_modes, "a tuple such as ('retrain', 'probe')"),
    "eval_rows_seen": _one_of(*get_args(EvalRowsSeen)),
    "build": (callable, "a method build(self, behaviour)"),
    "phrase": (_is_phrase, "a noun phrase, with {days} for the horizon"),
}


def _send_to_workers(kind: PreferenceKind, file: Path) -> None:
    """Make Spark send the code of a custom file to its workers, which cannot import the file."""
    module = sys.modules[type(kind).__module__]
    if Path(getattr(module, "__file__", None) or "") == file and module.__spec__ is not None:
        from pyspark import cloudpickle

        cloudpickle.register_pickle_by_value(module)  # type: ignore[no-untyped-call]


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
