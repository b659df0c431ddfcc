"""A new kind is one file: a file in the folder of kinds appears wherever kinds are shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.cli.main import main
from jobs.preference import built_in_kinds, is_custom, leak_phrase, preference_kind
from scripts import generate_docs
from tests.jobs.preference.dummy_kind import added_dummy_kind


@pytest.fixture
def dummy(tmp_path: Path) -> Iterator[None]:
    with added_dummy_kind(tmp_path):
        yield


@pytest.mark.usefixtures("dummy")
def test_the_registry_finds_it() -> None:
    names = [kind.name for kind in built_in_kinds()]
    assert names == sorted(names)
    assert names[0] == "a_second_dummy"
    kind = preference_kind("dummy_kind")
    assert kind.summary == "a dummy of the item, n days later"
    assert not is_custom(kind)


@pytest.mark.usefixtures("dummy")
def test_the_list_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preference", "list"]) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if "dummy_kind" in line]
    assert line.endswith("modes probe                 a dummy of the item, n days later")


@pytest.mark.usefixtures("dummy")
def test_reports_describe_it() -> None:
    assert leak_phrase("dummy_kind", "7 days") == "dummies of the items, 7 days later"


@pytest.mark.usefixtures("dummy")
def test_the_documentation_describes_it() -> None:
    row = "| `dummy_kind` | A dummy of the item | item | vector | probe |"
    assert row in generate_docs.kinds()


def test_it_is_gone_without_its_file() -> None:
    assert "dummy_kind" not in [kind.name for kind in built_in_kinds()]
