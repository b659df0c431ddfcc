"""Commands in messages work when they are pasted into a shell."""

import shlex
from datetime import date
from pathlib import Path

import pytest

from jobs.cli.parser import build_parser
from jobs.scenarios import Scenario, load_scenario
from jobs.scenarios.hints import ingest_command, lis_command

ROOT = Path(__file__).parents[3]
SOURCE = "source: {reader: simulated}\n"


@pytest.fixture
def named(tmp_path: Path) -> Scenario:
    """A scenario whose path has what a shell would split, expand or end a string at."""
    path = tmp_path / "Bob's feeds $HOME" / "my_feed.yaml"
    path.parent.mkdir()
    path.write_text(SOURCE)
    return load_scenario(str(path))


def test_a_command_names_the_scenario_as_the_user_did(named: Scenario, tmp_path: Path) -> None:
    command = lis_command("lis", named, as_of=date(2026, 1, 5), preference=None, mode="swap")
    words = shlex.split(command)
    assert words[0] == "lis"
    typed = build_parser().parse_args(words[1:])
    assert typed.scenario == str(tmp_path / "Bob's feeds $HOME" / "my_feed.yaml")
    assert load_scenario(typed.scenario).name == "my_feed"
    assert typed.preference is None


def test_a_changed_scenario_keeps_its_path(named: Scenario) -> None:
    changed = named.model_copy(update={"slot": "user_id"})
    assert changed.given_as == named.given_as != named.name


def test_a_shipped_scenario_is_named_by_its_name() -> None:
    command = lis_command("train", load_scenario("simulated_feed"), until=date(2026, 1, 5))
    assert command == "lis train --scenario simulated_feed --until 2026-01-05"


def test_a_scenario_that_was_not_read_from_a_file_has_its_name() -> None:
    scenario = Scenario.model_validate({"name": "tiny", "source": {"reader": "simulated"}})
    assert lis_command("train", scenario) == "lis train --scenario tiny"


def test_every_message_with_a_command_is_made_so() -> None:
    sources = {path: path.read_text() for path in (ROOT / "jobs").rglob("*.py")}
    assert [path for path, text in sources.items() if "--scenario {" in text] == []


def test_a_place_is_named_only_where_it_must_be(
    named: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIS_RAW", str(tmp_path / "raw"))
    assert ingest_command(named).endswith("--raw PATH")
    assert ingest_command(named, "/my logs").endswith("--raw '/my logs'")
    with monkeypatch.context() as patch:
        patch.setenv("LIS_RAW", "s3://bucket/logs")
        assert "--raw" not in ingest_command(named)
    (tmp_path / "raw" / "my_feed").mkdir(parents=True)
    assert "--raw" not in ingest_command(named)
    placed = named.source.model_copy(update={"raw": "/logs"})
    monkeypatch.setenv("LIS_RAW", str(tmp_path / "gone"))
    assert "--raw" not in ingest_command(named.model_copy(update={"source": placed}))
