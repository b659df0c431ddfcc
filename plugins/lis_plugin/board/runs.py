"""What Airflow knows of the runs of a scenario's DAG."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from jobs.common.day_range import DayRange
from jobs.common.outcome import MLFLOW_URL
from plugins.lis_plugin.links import checked_link

_RUN = re.compile(r"(?P<experiment>https?://[^#]*#/experiments/\d+/runs)/")
_MOST_RUNS = 100
"""Runs in MLflow that a page links to."""
_NEWEST_RUNS = 20
"""Runs of a DAG among which one has logged to MLflow: all would be thousands."""


@dataclass(frozen=True)
class Link:
    """A link and what it leads to."""

    text: str
    url: str


@dataclass(frozen=True)
class Experiment:
    """The page of a scenario's experiment in MLflow.

    Attributes:
        runs: Address of its list of runs.
    """

    runs: str

    def score(self, as_of: str, preference: str, mode: str, horizon: int) -> str:
        """Return the address of the list with the run of one score alone."""
        wanted = {"as_of": as_of, "preference": preference, "mode": mode, "horizon": horizon}
        terms = [f"params.{name} = '{value}'" for name, value in wanted.items()]
        search = quote(" AND ".join(["tags.`lis.kind` = 'score'", *terms]), safe="")
        return f"{self.runs}?workflowType=machine_learning&searchFilter={search}"


def last_run(session: Session, dag_id: str) -> DagRun | None:
    """Return the newest run of a DAG."""
    newest = select(DagRun).where(DagRun.dag_id == dag_id).order_by(DagRun.run_after.desc())
    return session.scalars(newest.limit(1)).first()


def experiment(session: Session, dag_id: str) -> Experiment | None:
    """Return the experiment that the newest runs of a DAG have logged to; None if none has."""
    runs = (
        select(DagRun.id)
        .where(DagRun.dag_id == dag_id)
        .order_by(DagRun.run_after.desc())
        .limit(_NEWEST_RUNS)
    )
    logged = select(XComModel).where(
        XComModel.dag_run_id.in_(session.scalars(runs).all()), XComModel.key == MLFLOW_URL
    )
    found = session.scalars(logged.order_by(XComModel.timestamp.desc()).limit(1)).first()
    link = "" if found is None else checked_link(XComModel.deserialize_value(found))
    matched = _RUN.match(link)
    return None if matched is None else Experiment(matched["experiment"])


def scored(session: Session, dag_id: str, run_id: str) -> Sequence[tuple[int, DayRange]]:
    """Return the horizons that a daily run scores, each with its days; none before its plan."""
    due = select(XComModel).where(
        XComModel.dag_id == dag_id,
        XComModel.run_id == run_id,
        XComModel.task_id == "resolve_date",
        XComModel.key == "due",
    )
    found = session.scalars(due).first()
    entries = [] if found is None else XComModel.deserialize_value(found)
    pairs = (str(entry).partition("@") for entry in entries)
    return [(int(horizon), DayRange.parse(days)) for horizon, _, days in pairs]


def logged_runs(session: Session, dag_id: str, run_id: str) -> list[Link]:
    """Return the runs in MLflow that the tasks of a run have logged, in the tasks' order."""
    logged = (
        # To type checkers the label is a property; to SQLAlchemy it is a column, too.
        select(XComModel.task_id, XComModel.value, TaskInstance.rendered_map_index)  # type: ignore[call-overload]
        .join(
            TaskInstance,
            and_(
                TaskInstance.dag_id == XComModel.dag_id,
                TaskInstance.run_id == XComModel.run_id,
                TaskInstance.task_id == XComModel.task_id,
                TaskInstance.map_index == XComModel.map_index,
            ),
        )
        .where(XComModel.dag_id == dag_id, XComModel.run_id == run_id, XComModel.key == MLFLOW_URL)
        .order_by(XComModel.task_id, XComModel.map_index)
        .limit(_MOST_RUNS)
    )
    return [
        Link(row.rendered_map_index or row.task_id, link)
        for row in session.execute(logged)
        if (link := checked_link(XComModel.deserialize_value(row)))
    ]
