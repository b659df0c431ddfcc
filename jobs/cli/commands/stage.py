"""``lis stage NAME``: one stage of a run, as a task of a DAG runs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import make_dataclass
from functools import cache
from typing import Any

from jobs import stages
from jobs.cli.command import Command, CommandGroup, ScenarioOptions
from jobs.lake import Lake
from jobs.scenarios import load_scenario
from jobs.stages.stage import Stage


@cache
def _command(stage: Stage[Any]) -> Command[Any]:
    def run(options: Any) -> None:
        stage.run(Lake.from_environment(), load_scenario(options.scenario), options)

    return Command(
        name=stage.name,
        summary=stage.summary,
        options=make_dataclass(
            stage.options.__name__,
            (),
            bases=(stage.options, ScenarioOptions),
            frozen=True,
            kw_only=True,
        ),
        run=run,
        details=_tables(stage),
        in_processes=stage.in_processes,
    )


def _tables(stage: Stage[Any]) -> str:
    lines = [("Needs", stage.needs), ("Publishes", stage.publishes)]
    return "\n".join(f"{word} tables: {', '.join(names)}." for word, names in lines if names)


def _commands() -> Sequence[Command[Any]]:
    every_stage = (*stages.STAGES, *stages.ALIGNMENT_STAGES, *stages.UPKEEP_STAGES)
    return [_command(stage) for stage in every_stage]


STAGE = CommandGroup(
    name="stage",
    summary="one stage of a run, as the DAG runs it",
    commands=_commands,
    metavar="STAGE",
    details="In the order in which the DAGs take them.",
    former_name="step",
)
