"""``lis stage``: its choices, options and runs follow from the registered stages."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs import stages
from jobs.cli.main import main
from jobs.common.options import declared_options
from tests.jobs.stages.dummy_stage import DUMMY

FEED = "simulated_feed"
ALL = (*stages.STAGES, *stages.ALIGNMENT_STAGES, *stages.UPKEEP_STAGES)


def run(*arguments: str) -> int:
    """Exit code of a command, whether it returns or its parser exits."""
    try:
        return main(arguments)
    except SystemExit as stopped:
        return int(stopped.code or 0)


@pytest.fixture
def dummy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Registers one more stage."""
    monkeypatch.setenv("LIS_DATA", str(tmp_path))
    monkeypatch.setattr(stages, "STAGES", (*stages.STAGES, DUMMY))


def test_the_help_lists_every_stage_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("stage", "--help") == 0
    text = capsys.readouterr().out
    places = [text.index(f"\n    {stage.name} ") for stage in ALL]
    assert places == sorted(places)
    assert all(" ".join(stage.summary.split()[:4]) in text for stage in ALL)


@pytest.mark.parametrize("stage", ALL, ids=lambda stage: stage.name)
def test_the_help_of_a_stage_shows_its_options_and_tables(
    stage: stages.Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("stage", stage.name, "--help") == 0
    text = capsys.readouterr().out
    flags = [f"--{name.replace('_', '-')} " for name in declared_options(stage.options)]
    assert all(flag in text for flag in ("--scenario ", *flags))
    assert all(table in text for table in (*stage.needs, *stage.publishes))


@pytest.mark.usefixtures("dummy")
def test_a_registered_stage_appears_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("stage", "--help") == 0
    assert "dummy     print the last day of data" in capsys.readouterr().out


@pytest.mark.usefixtures("dummy")
@pytest.mark.parametrize("word", ["stage", "step"])
def test_a_registered_stage_runs(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--until", "2026-01-05", "--times", "2"]
    assert run(word, "dummy", "--scenario", FEED, *options) == 0
    assert capsys.readouterr().out == f"{FEED} until 2026-01-05\n" * 2


def test_the_former_word_is_not_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    assert "step" not in capsys.readouterr().out
