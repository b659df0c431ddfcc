"""What a stage of a run is. The command line and the DAGs are built from these declarations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from jobs.scenarios import Scenario

if TYPE_CHECKING:
    from jobs.lake import Lake

OptionsT = TypeVar("OptionsT")


@dataclass(frozen=True)
class Stage(Generic[OptionsT]):
    """One stage of a run: a command ``lis stage NAME``, and a task of a DAG.

    A stage's module must be quick to import, as the scheduler parses DAG files again and again:
    its ``run`` imports torch, pyspark and pyarrow when it is called.

    Args:
        name: The command, and the id of the task.
        summary: One line of help.
        options: A frozen dataclass of ``jobs.common.options``. A task is given each of them that
            the DAG has a template for.
        run: Runs the stage on a lake and a scenario.
        needs: Tables of the lake that it reads.
        publishes: Tables that it publishes; they are the outlets of its task.
        on_spark: Whether its task runs under spark-submit.
        on_gpu: Whether its task waits for a slot in the pool ``gpu``.
        in_processes: Whether it may be started as several processes by torchrun.
        per_leak: Whether its task is mapped: one task instance for each leak that is planned.
        logs_mlflow_run: Whether it prints ``jobs.common.outcome.mlflow_line``, so that its task
            links to the run.
        runs_always: Whether its task runs whatever came of those before, and leaves it to them how
            the run ends.
        applies_to: Whether a scenario needs the stage.
    """

    name: str
    summary: str
    options: type[OptionsT]
    run: Callable[[Lake, Scenario, OptionsT], None]
    needs: tuple[str, ...] = ()
    publishes: tuple[str, ...] = ()
    on_spark: bool = False
    on_gpu: bool = False
    in_processes: bool = False
    per_leak: bool = False
    logs_mlflow_run: bool = False
    runs_always: bool = False
    applies_to: Callable[[Scenario], bool] = lambda _: True
