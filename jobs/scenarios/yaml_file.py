"""YAML of users: read safely, within limits, with errors that say the line."""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError

from jobs.common.errors import InputError

MOST_BYTES = 256 * 1024
MOST_LEVELS = 20
MOST_VALUES = 10_000
"""Aliases count as what they stand for: a few lines of them may stand for billions of values."""

_NO_TEXT = re.compile("[\0\ud800-\udfff]")
"""No path, table or page can hold these; YAML can write them as ``\\0`` and ``\\ud800``."""
_TOO_LARGE = 2**63
_SHOWN = 60


def read_yaml(path: Path) -> object:
    """The content of a file of YAML.

    Raises:
        InputError: If it is no YAML, or is larger or deeper than any scenario.
    """
    with path.open("rb") as stream:
        content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise InputError(f"{path}: has more than {MOST_BYTES:,} bytes, which no scenario needs")
    try:
        return yaml.load(content.decode("utf-8"), _Loader)
    # PyYAML lets a ValueError through for a character beyond the last one.
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    except _Exceeded as error:
        raise InputError(f"{path}: {error}") from error


class _Exceeded(Exception):
    """Which limit was exceeded, and where."""


class _Loader(yaml.SafeLoader):
    """Keeps to the limits before anything is built, and says the line of a value that is none."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._values = 0
        self._sizes: dict[str | None, int] = {}
        """Values that each complete anchor stands for."""
        self._within: list[tuple[str | None, int]] = []
        """Anchor of each open list or mapping, and the values before it."""

    def get_event(self) -> yaml.Event:
        event: yaml.Event = super().get_event()  # type: ignore[no-untyped-call]
        match event:
            case yaml.AliasEvent():
                self._count(event, self._sizes.get(event.anchor, 1))
                if any(name == event.anchor for name, _ in self._within):
                    name = f"*{event.anchor}"
                    raise _exceeded(event, f"{name} is within what it stands for: write that out")
            case yaml.ScalarEvent():
                self._count(event, 1)
                if event.anchor is not None:
                    self._sizes[event.anchor] = 1
                if found := _NO_TEXT.search(event.value):
                    raise _exceeded(event, f"U+{ord(found[0]):04X} is no character of a text")
            case yaml.CollectionStartEvent():
                self._within.append((event.anchor, self._values))
                self._count(event, 1)
                if len(self._within) > MOST_LEVELS:
                    raise _exceeded(event, f"more than {MOST_LEVELS} levels deep")
            case yaml.CollectionEndEvent():
                anchor, before = self._within.pop()
                if anchor is not None:
                    self._sizes[anchor] = self._values - before
        return event

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        # Here, since later a merge has put the keys that it brings in beside a mapping's own.
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            name = (key.tag, key.value)
            if name in lines:
                text = f"{_shown(key.value)} stands here and in line {lines[name]}: keep one"
                raise ComposerError(None, None, text, key.start_mark)
            lines[name] = key.start_mark.line + 1
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Hashable:
        try:
            value: Hashable = super().construct_object(node, deep)  # type: ignore[no-untyped-call]
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
            raise _no_value(node, str(error)) from error
        if isinstance(value, int) and abs(value) >= _TOO_LARGE:
            raise _no_value(node, "no number here is that large")
        return value

    def _count(self, event: yaml.Event, values: int) -> None:
        self._values += values
        if self._values > MOST_VALUES:
            raise _exceeded(event, f"more than {MOST_VALUES:,} values, aliases written out")


def _exceeded(event: yaml.Event, what: str) -> _Exceeded:
    assert event.start_mark is not None
    return _Exceeded(f"line {event.start_mark.line + 1}: {what}")


def _no_value(node: yaml.Node, why: str) -> ConstructorError:
    """What looks like a date or a number, or is said to be one, and is none."""
    kind, shown = node.tag.rpartition(":")[2], "this"
    if isinstance(node.value, str):
        shown = _shown(node.value)
    text = f"{shown} is no {kind[:_SHOWN]} ({why}); text is written in quotes"
    return ConstructorError(None, None, text, node.start_mark)


def _shown(value: str) -> str:
    return repr(value[:_SHOWN]) + ("..." if len(value) > _SHOWN else "")
