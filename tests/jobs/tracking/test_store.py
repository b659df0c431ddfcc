"""Contract of jobs.tracking.store."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED, REQUEST_LIMIT_EXCEEDED
from mlflow.store.db.utils import _get_alembic_config
from mlflow.store.tracking.dbmodels.initial_models import Base as InitialBase
from sqlalchemy import create_engine, text

from jobs.common.errors import InputError, ServiceUnavailable
from jobs.tracking import store
from jobs.tracking.store_errors import store_errors


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("MLFLOW_TRACKING_URI", "LIS_MLFLOW_UI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LIS_DATA", str(tmp_path))
    return tmp_path


def test_store_and_artifacts_lie_in_the_data_folder(data: Path) -> None:
    assert store.tracking_uri() == f"sqlite:///{data}/mlflow/mlflow.db"
    assert store.artifact_root() == f"file://{data}/mlflow/artifacts"


def test_a_tracking_server_decides_on_artifacts_and_shows_its_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example.org")
    assert store.tracking_uri() == "https://mlflow.example.org"
    assert store.artifact_root() is None


def test_a_store_of_an_unknown_kind_is_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "ftp://example.org/runs")
    with pytest.raises(InputError, match=r"cannot use MLFLOW_TRACKING_URI=ftp://"):
        store.prepare_store()


@pytest.mark.parametrize(
    ("scheme", "kind"),
    [("ftp", InputError), ("postgresql", ServiceUnavailable), ("http", ServiceUnavailable)],
)
def test_the_password_of_a_store_is_in_no_message_and_no_link(
    monkeypatch: pytest.MonkeyPatch, scheme: str, kind: type[Exception]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{scheme}://someone:s3cret@127.0.0.1:9/runs")
    with pytest.raises(kind, match="cannot use MLFLOW_TRACKING_URI=") as refused:
        store.prepare_store()
    assert "s3cret" not in str(refused.value)
    assert refused.value.__suppress_context__
    assert "s3cret" not in store.page_url("#/experiments/1")


def test_a_request_that_a_server_refuses_is_no_matter_of_time() -> None:
    """One that it could not take in time is."""
    with pytest.raises(InputError, match="URI=http://a: not allowed"), store_errors("http://a"):
        raise MlflowException("not allowed", PERMISSION_DENIED)
    with pytest.raises(ServiceUnavailable, match="too many"), store_errors("http://a"):
        raise MlflowException("too many", REQUEST_LIMIT_EXCEEDED)


def test_another_process_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_LONGEST_WAIT_SECONDS", 0)
    with (
        store.store_lock(),
        pytest.raises(ServiceUnavailable, match=r"store\.lock for 0 s"),
        store.store_lock(),
    ):
        raise AssertionError
    with store.store_lock():
        pass


def test_links_have_the_port_of_the_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIS_MLFLOW_PORT", "5001")
    assert store.page_url("#/experiments/1") == "http://127.0.0.1:5001/#/experiments/1"


def test_a_store_of_an_older_mlflow_is_upgraded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"sqlite:///{tmp_path}/older.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    engine, config = create_engine(uri), _get_alembic_config(uri)
    InitialBase.metadata.create_all(engine)
    revisions = ScriptDirectory.from_config(config)
    newest = revisions.get_revision(revisions.get_current_head())
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, str(newest.down_revision))

    def version() -> str:
        with engine.connect() as connection:
            return str(connection.execute(text("SELECT * FROM alembic_version")).scalar())

    assert version() == newest.down_revision
    client = store.prepare_store()
    assert version() == newest.revision
    assert store.experiment(client, "lis/kept")


def test_a_deleted_experiment_is_named_with_the_way_to_restore_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/other.db")
    client = store.prepare_store()
    number = store.experiment(client, "lis/gone")
    assert store.experiment(client, "lis/gone") == number
    run = client.create_run(number)
    assert store.run_url(run).startswith(f"http://127.0.0.1:5000/#/experiments/{number}/runs/")
    monkeypatch.setenv("LIS_MLFLOW_UI", "https://ui.example.org/")
    assert store.run_url(run).startswith("https://ui.example.org/#/experiments/")
    client.delete_experiment(number)
    with pytest.raises(InputError, match=f"experiments restore -x {number}"):
        store.experiment(client, "lis/gone")
