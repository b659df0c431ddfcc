"""Runs of a DAG take turns: they would train the same lineage and publish the same days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk.types import RuntimeTaskInstanceProtocol

_ENDED = {"success", "failed", "upstream_failed", "skipped", "removed"}
_AT_WORK = {"running", "queued", "up_for_retry", "restarting"}


@dataclass(frozen=True)
class RunAtWork:
    """A run that has its turn.

    Args:
        run_id: As Airflow's pages show it.
        tasks: Its tasks that run, are about to, or are to be tried again, each with its state.
    """

    run_id: str
    tasks: Mapping[str, str]

    def __str__(self) -> str:
        tasks = ", ".join(f"{name} is {state}" for name, state in self.tasks.items())
        return f"run {self.run_id} ({tasks or 'between two tasks'})"


def run_at_work(ti: RuntimeTaskInstanceProtocol, gate: str, last: set[str]) -> RunAtWork | None:
    """The other run of the same DAG that is at work; None if it is this run's turn.

    Only one instance of the gate may run at a time, so that no two find that it is their turn.

    Args:
        ti: The task instance of this run's gate.
        gate: Id of the task that a run passes when its turn comes.
        last: Ids of the DAG's last tasks.
    """
    if ti.get_dr_count(ti.dag_id, states=["running"]) < 2:
        return None
    states: dict[str, dict[str, Any]] = ti.get_task_states(ti.dag_id, task_ids=[gate, *last])
    for run_id, tasks in sorted(states.items()):
        has_turn = tasks.get(gate) == "success" and any(tasks.get(t) not in _ENDED for t in last)
        if run_id == ti.run_id or not has_turn:
            continue
        if ti.get_dagrun_state(ti.dag_id, run_id) in _ENDED:
            continue
        of_run = ti.get_task_states(ti.dag_id, run_ids=[run_id]).get(run_id, {})
        return RunAtWork(run_id, {t: s for t, s in sorted(of_run.items()) if s in _AT_WORK})
    return None
