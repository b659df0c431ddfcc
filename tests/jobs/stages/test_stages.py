"""The declarations of the stages agree with one another."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jobs.common.options import declared_options
from jobs.scenarios import load_scenario
from jobs.stages import ALIGNMENT_STAGES, STAGES, UPKEEP_STAGES
from jobs.stages.stage import Stage

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "jobs" / "stages"
ALL = (*STAGES, *ALIGNMENT_STAGES, *UPKEEP_STAGES)


def test_the_stages_are_in_the_order_of_a_run() -> None:
    names = [stage.name for stage in STAGES]
    assert names == ["simulate", "ingest", "train", "assemble", "score", "report", "log"]


@pytest.mark.parametrize("stage", ALL, ids=lambda stage: stage.name)
def test_a_stage_is_one_file(stage: Stage[Any]) -> None:
    rooms = {"alignment/": ALIGNMENT_STAGES, "upkeep/": UPKEEP_STAGES}
    room = next((room for room, stages in rooms.items() if stage in stages), "")
    assert (FOLDER / f"{room}{stage.name}.py").is_file()
    assert stage.run.__module__ == f"jobs.stages.{room.replace('/', '.')}{stage.name}"


@pytest.mark.parametrize("number", range(len(ALL)), ids=lambda number: ALL[number].name)
def test_what_a_stage_needs_is_published_before(number: int) -> None:
    published = {table for stage in ALL[:number] for table in stage.publishes}
    assert set(ALL[number].needs) <= published


@pytest.mark.parametrize("stages", [STAGES, ALIGNMENT_STAGES])
def test_a_table_is_published_by_one_stage_of_a_dag(stages: tuple[Stage[Any], ...]) -> None:
    tables = [table for stage in stages for table in stage.publishes]
    assert len(tables) == len(set(tables))


@pytest.mark.parametrize("stage", ALL, ids=lambda stage: stage.name)
def test_every_option_is_explained(stage: Stage[Any]) -> None:
    assert all(option.help for option in declared_options(stage.options).values())


def test_only_a_simulated_scenario_is_simulated() -> None:
    applying = {
        name: [stage.name for stage in STAGES if stage.applies_to(load_scenario(name))]
        for name in ("simulated_feed", "movietweetings")
    }
    assert applying["simulated_feed"] == ["simulate", *applying["movietweetings"]]


def test_the_declarations_are_quick_to_import() -> None:
    heavy = ("torch", "pyspark", "pyarrow", "pandas", "mlflow", "airflow")
    code = f"import sys, jobs.stages; print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
