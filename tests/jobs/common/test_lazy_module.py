"""A lazy module is imported by its first use and then is as good as the module."""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import pytest

from jobs.common.lazy_module import lazy_module


def test_a_module_is_imported_by_its_first_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "lazy_package_of_a_test"
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("")
    (tmp_path / name / "inner.py").write_text("VALUE = 7\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    inner = lazy_module(f"{name}.inner")
    assert name not in sys.modules
    assert inner.VALUE == 7
    assert f"{name}.inner" in sys.modules
    monkeypatch.delitem(sys.modules, f"{name}.inner")
    monkeypatch.delitem(sys.modules, name)


def test_what_is_missing_is_reported_as_by_the_module() -> None:
    with pytest.raises(AttributeError, match=r"module 'json\.decoder' has no attribute 'nothing'"):
        lazy_module("json.decoder").nothing  # noqa: B018
    with pytest.raises(ModuleNotFoundError, match="no_such_module_of_a_test"):
        lazy_module("no_such_module_of_a_test").anything  # noqa: B018


def test_it_can_be_sent_to_another_process() -> None:
    """``copy`` takes an object apart and builds it again as a transfer to a Spark worker does."""
    module = copy.copy(lazy_module("json.decoder"))
    assert module.JSONDecoder is sys.modules["json.decoder"].JSONDecoder
