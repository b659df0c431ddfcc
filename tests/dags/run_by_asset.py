"""Switches a DAG of alignments on, and does what Airflow's scheduler does when LIS results come.

For a database in which the DAG and a run with scores are, such as after ``airflow dags test``.
Prints, as JSON, how many runs there are once the DAG is on, and the state of each task of the run
that the results start, when its first task has ended.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from airflow.assets.manager import asset_manager
from airflow.dag_processing.dagbag import DagBag
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models.asset import AssetModel
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.sdk.definitions.dag import _run_task
from airflow.utils.session import create_session
from airflow.utils.sqlalchemy import prohibit_commit
from sqlalchemy import select, update
from sqlalchemy.orm import Session

ROOT = Path(__file__).resolve().parents[2]


def main(scenario: str) -> None:
    """Announce new LIS results of a scenario, as its last score did, and run what that starts."""
    dag_id = f"alignment__{scenario}"
    scheduler = SchedulerJobRunner(job=Job())  # type: ignore[no-untyped-call]
    with create_session() as session:
        session.execute(update(DagModel).where(DagModel.dag_id == dag_id).values(is_paused=False))
    make_runs(scheduler)
    with create_session() as session:
        before = len(runs_of(dag_id, session))
        asset = session.scalars(
            select(AssetModel).where(AssetModel.uri == f"lis://{scenario}/lis")
        ).one()
        score = session.scalars(
            select(TaskInstance)
            .where(TaskInstance.task_id == "score", TaskInstance.state == "success")
            .order_by(TaskInstance.end_date.desc())
        ).first()
        asset_manager.register_asset_change(asset=asset, task_instance=score, session=session)
    make_runs(scheduler)
    dag = DagBag(ROOT / "dags" / "alignment.py").dags[dag_id]
    with create_session() as session:
        [run] = runs_of(dag_id, session)
        run.dag = scheduler.scheduler_dag_bag.get_dag_for_run(run, session=session)
        [first], _ = run.update_state(session=session)
        first.state = "scheduled"
        session.commit()
        _run_task(ti=first, task=dag.get_task(first.task_id))
        session.expire_all()
        for _ in dag.tasks:
            # Each call takes a skip one task further.
            run.update_state(session=session)
        states = {one.task_id: one.state for one in run.get_task_instances(session=session)}
    print(json.dumps({"before": before, "states": states}))


def make_runs(scheduler: SchedulerJobRunner) -> None:
    """Make the runs that the scheduler would make now."""
    with create_session() as session, prohibit_commit(session) as guard:  # type: ignore[no-untyped-call]
        scheduler._create_dagruns_for_dags(guard, session)


def runs_of(dag_id: str, session: Session) -> list[DagRun]:
    """The runs of a DAG that new results have started."""
    chosen = DagRun.dag_id == dag_id, DagRun.run_type == "asset_triggered"
    return list(session.scalars(select(DagRun).where(*chosen)))


if __name__ == "__main__":
    main(*sys.argv[1:])
