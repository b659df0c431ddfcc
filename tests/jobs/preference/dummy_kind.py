"""A built-in kind that only a test has: one more file in the package of kinds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobs.preference import kinds

_CODE = """
from dataclasses import dataclass

from jobs.scenarios import Mode


@dataclass(frozen=True)
class DummyKind:
    name: str = "dummy_kind"
    summary: str = "a dummy of the item, n days later"
    phrase: str = "dummies of the items, {days} later"
    docs: str = "A dummy of the item."
    keyed_by: str = "item"
    takes: str = "vector"
    modes: tuple[Mode, ...] = (Mode.PROBE,)
    eval_rows_seen: str = "no"

    def build(self, behaviour):
        return behaviour.events


KINDS = (DummyKind(), DummyKind(name="a_second_dummy"))
"""


@contextmanager
def added_dummy_kind(folder: Path) -> Iterator[None]:
    """Write the file to a folder that belongs to the package within the block."""
    (folder / "dummy_kind.py").write_text(_CODE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kinds, "__path__", [*kinds.__path__, str(folder)])
        yield
    sys.modules.pop(f"{kinds.__name__}.dummy_kind", None)
    vars(kinds).pop("dummy_kind", None)
