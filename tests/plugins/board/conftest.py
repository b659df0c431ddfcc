"""Airflow's web server with its metadata database, two scenarios and a run, as a test client."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from jobs.board.kept_status import keep_status
from jobs.board.update import update_board
from jobs.common.day_range import DayRange
from jobs.lake import Lake
from jobs.scenarios import Scenario
from tests.jobs.gate.stored_scores import OPEN, WORTH, score, store
from tests.jobs.tracking.sample_results import SCENARIO

ROOT = Path(__file__).resolve().parents[3]
DAY = "2026-01-31"
RUN = "scheduled__2026-02-07T02:00:00+00:00"
MLFLOW = "http://mlflow.test/#/experiments/3/runs/0f3a?workflowType=machine_learning"
ODD = '<img src=x onerror=alert("x")>'
"""A name of preference data that HTML must not take as its own."""

Client = Callable[..., TestClient]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with scores of two scenarios, and a report of one."""
    folder = tmp_path_factory.mktemp("data")
    lake = Lake(str(folder / "lake"))
    for name in ("films", "ads"):
        scenario: Scenario = SCENARIO.model_copy(update={"name": name})
        store(
            lake,
            score(WORTH, scenario=name, as_of=DAY),
            score(OPEN, scenario=name, as_of="2026-01-30"),
            score(WORTH, scenario=name, as_of=DAY, preference=ODD),
            score(WORTH, scenario=name, as_of="2026-01-01", horizon=30),
        )
        update_board(lake, scenario, DayRange.parse(DAY))
        late = {"day": "2026-01-30", "why": "its raw files were 1 and are 2 now"}
        status = {"days": [], "late": [late], "stale_results": []}
        keep_status(lake, name, datetime(2026, 2, 7).date(), status, ["lis ingest --late"])
    report = folder / "reports" / "films" / f"{DAY}_dcn-1.html"
    report.parent.mkdir(parents=True)
    report.write_text("<html><style>p {color: red}</style><p>the report</p></html>")
    (folder / "secret.html").write_text("secret")
    return folder


@pytest.fixture
def client(clients: Client, data: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Build a client of the web server: of a user, or of nobody; with a path before its own."""
    monkeypatch.setenv("LIS_DATA", str(data))
    monkeypatch.setenv("LIS_LAKE", str(data / "lake"))
    return clients


@pytest.fixture(scope="module")
def clients() -> Iterator[Client]:
    """What ``client`` gives."""
    # Airflow takes a second to load, and this file is read for other tests too.
    from airflow._shared.module_loading import qualname

    from tests.plugins.board.per_dag_auth import PerDagAuthManager

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "False")
        patch.setenv("AIRFLOW__CORE__AUTH_MANAGER", qualname(PerDagAuthManager))
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "s" * 64)
        yield from _clients(patch)


def _clients(patch: pytest.MonkeyPatch) -> Iterator[Client]:
    from airflow import plugins_manager, settings
    from airflow.api_fastapi import app as web
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.utils.db import initdb

    initdb()
    fill_database()
    patch.setattr(settings, "PLUGINS_FOLDER", str(ROOT / "plugins"))
    patch.setattr("airflow.configuration.AIRFLOW_HOME", os.environ["AIRFLOW_HOME"])
    for cached in (plugins_manager._get_plugins, plugins_manager.get_fastapi_plugins):
        cached.cache_clear()
    web.purge_cached_app()
    apps: dict[str, object] = {}

    def build(user: str | None = None, *, prefix: str = "", cookie: bool = False) -> TestClient:
        if prefix not in apps:
            with pytest.MonkeyPatch.context() as of_app:
                of_app.setattr(web, "API_ROOT_PATH", f"{prefix}/")
                plugins_manager._get_plugins.cache_clear()
                plugins_manager.get_fastapi_plugins.cache_clear()
                apps[prefix] = web.create_app()
        found = TestClient(apps[prefix], base_url="http://localhost")  # type: ignore[arg-type]
        if user is not None:
            token = web.get_auth_manager().generate_jwt(
                SimpleAuthManagerUser(username=user, role="viewer")
            )
            if cookie:
                found.cookies.set("_token", token)
            else:
                found.headers["Authorization"] = f"Bearer {token}"
        return found

    yield build
    web.purge_cached_app()


def fill_database() -> None:
    """Add DAGs of two scenarios and another one, and a run of the first with what it left."""
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from airflow.utils.types import DagRunType
    from sqlalchemy import insert

    moment = datetime(2026, 2, 8, 2, tzinfo=UTC)
    tasks: Mapping[str, Mapping[str, object]] = {
        "resolve_date": {"due": ["7@2026-01-31", "30@2026-01-01"]},
        "score": {"mlflow_url": MLFLOW},
        "other": {"mlflow_url": "javascript:alert(1)"},
    }
    with create_session() as session:
        session.merge(DagBundleModel(name="dags"))
        session.flush()
        for dag_id in ("lis_daily__films", "lis_daily__ads", "lis_daily__gone", "other"):
            session.merge(
                DagModel(
                    dag_id=dag_id,
                    bundle_name="dags",
                    fileloc="dags/lis_daily.py",
                    is_stale=dag_id.endswith("gone"),
                    is_paused=False,
                    description=f"Leakage Impact Score of {dag_id.split('__')[-1].title()}",
                    next_dagrun_create_after=moment,
                )
            )
        session.flush()
        for dag_id in ("lis_daily__films", "lis_daily__ads", "other"):
            run = DagRun(dag_id=dag_id, run_id=RUN, run_type=DagRunType.SCHEDULED)
            run.run_after, run.logical_date, run.state = moment, moment, "success"  # type: ignore[assignment]
            session.add(run)
            session.flush()
            for task_id, values in tasks.items():
                where = {"dag_id": dag_id, "run_id": RUN, "task_id": task_id, "map_index": -1}
                session.execute(insert(TaskInstance).values(**where, **_task_instance()))
                for key, value in values.items():
                    session.execute(
                        insert(XComModel).values(
                            **where, dag_run_id=run.id, key=key, value=value, timestamp=moment
                        )
                    )


def _task_instance() -> dict[str, object]:
    return {
        "id": uuid.uuid4(),
        "pool": "default_pool",
        "pool_slots": 1,
        "state": "success",
        "try_number": 1,
    }
