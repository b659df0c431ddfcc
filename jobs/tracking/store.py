"""The MLflow store, and how processes share it safely."""

from __future__ import annotations

import fcntl
import logging
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mlflow import MlflowClient
from mlflow.db import upgrade
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from sqlalchemy.engine import make_url

from jobs.common.errors import InputError, ServiceUnavailable
from jobs.common.paths import data_folder
from jobs.common.secrets import without_password
from jobs.tracking.store_errors import is_temporary, require_answer, store_errors

DEFAULT_PORT = "5000"
_FIRST_CONTACT = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "5", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
_AFTERWARDS = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
"""Settings of MLflow's HTTP client, unless the environment has them.

With MLflow's own, a server that is down costs four minutes. A task that cannot log goes on, and
what it would have logged waits in the lake.
"""
_LONGEST_WAIT_SECONDS = 120
"""For other processes of this machine that write to the store."""
_SECONDS_BETWEEN_LOOKS = 0.05

_log = logging.getLogger(__name__)


def tracking_uri() -> str:
    """Return ``MLFLOW_TRACKING_URI``, or a SQLite database in the data folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{_folder() / 'mlflow.db'}"


def artifact_root() -> str | None:
    """Return where new experiments keep their files; None if a tracking server decides."""
    if _is_server(tracking_uri()):
        return None
    return (_folder() / "artifacts").as_uri()


def page_url(path: str) -> str:
    """Return the address of a page of the MLflow UI: of ``LIS_MLFLOW_UI``, or the server's.

    Args:
        path: What follows the server's address, such as ``#/experiments/1/runs``.
    """
    uri, port = tracking_uri(), os.environ.get("LIS_MLFLOW_PORT") or DEFAULT_PORT
    server = uri if _is_server(uri) else f"http://127.0.0.1:{port}"
    ui = without_password(os.environ.get("LIS_MLFLOW_UI") or server)
    return f"{ui.rstrip('/')}/{path}"


def run_url(run: Run) -> str:
    """Return the address of a run in the MLflow UI."""
    # Without the workflow, MLflow sets the run among pages on generative AI.
    return page_url(
        f"#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"
        "?workflowType=machine_learning"
    )


def prepare_store() -> MlflowClient:
    """Upgrade a SQLite store to the current schema, and return a client for it.

    Only one process at a time does so: several that open an empty database at once would create
    its tables twice and fail. The schema of a database server is left to its operator.

    Raises:
        InputError: If there is no usable store at the tracking URI.
        ServiceUnavailable: If the store does not answer.
    """
    uri = tracking_uri()
    database = _sqlite_file(uri)
    with store_errors(uri), store_lock():
        if database is not None and not database.exists():
            _create(database)
        require_answer(uri, database)
        try:
            return _connected(uri)
        except MlflowException as error:
            if database is None or is_temporary(error):
                raise
            # Most likely the schema of an older MLflow. Checking it first costs every task 1 s.
            upgrade.main([uri], standalone_mode=False)
            return _connected(uri)


@contextmanager
def tracking_store() -> Iterator[MlflowClient]:
    """Give a client of the store, and its errors in the block the form of the project's own.

    Raises:
        InputError: If the store cannot be used, or refuses what it is given.
        ServiceUnavailable: If it does not answer.
    """
    with store_errors(tracking_uri()):
        yield prepare_store()


@contextmanager
def store_lock() -> Iterator[None]:
    """Let one process of this machine write to the store at a time. The lock is not reentrant.

    Raises:
        ServiceUnavailable: If another process keeps it for minutes.
    """
    database = _sqlite_file(tracking_uri())
    folder = database.parent if database is not None else _folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "store.lock").open("a") as handle:
        deadline = time.monotonic() + _LONGEST_WAIT_SECONDS
        while not _locked(handle.fileno()):
            if time.monotonic() > deadline:
                raise ServiceUnavailable(
                    f"another process has held {handle.name} for {_LONGEST_WAIT_SECONDS} s"
                )
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        yield


def experiment(client: MlflowClient, name: str) -> str:
    """Return the id of an experiment, created if there is none.

    Raises:
        InputError: If the experiment was deleted in MLflow.
    """
    with store_lock():
        found = client.get_experiment_by_name(name)
        if found is None:
            root = artifact_root()
            location = f"{root}/{name}" if root is not None else None
            return client.create_experiment(name, artifact_location=location)
    if found.lifecycle_stage != "active":
        raise InputError(
            f"MLflow experiment {name!r} is deleted: "
            f"run 'mlflow experiments restore -x {found.experiment_id}'"
        )
    return found.experiment_id


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _folder() -> Path:
    return data_folder().resolve() / "mlflow"


def _is_server(uri: str) -> bool:
    return uri.startswith(("http://", "https://"))


def _sqlite_file(uri: str) -> Path | None:
    if not uri.startswith("sqlite"):
        return None
    database = make_url(uri).database
    return Path(database) if database and database != ":memory:" else None


def _connected(uri: str) -> MlflowClient:
    # MLflow would print the address of a run together with the password of the tracking URI.
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    # It would print the statement that failed, before ``store_errors`` says what to do.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    client = MlflowClient(tracking_uri=uri)
    with _environment(_FIRST_CONTACT):
        client.search_experiments(max_results=1)
    for name, value in _AFTERWARDS.items():
        os.environ.setdefault(name, value)
    return client


@contextmanager
def _environment(defaults: Mapping[str, str]) -> Iterator[None]:
    """Set those variables that are not set, for a while."""
    added = {name: value for name, value in defaults.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def _create(database: Path) -> None:
    """Create the database under another name, so that a kill cannot leave half of its tables."""
    _log.info("creating the MLflow store %s", database)
    unfinished = database.with_name(f"{database.name}.{uuid.uuid4().hex}")
    try:
        upgrade.main([f"sqlite:///{unfinished}"], standalone_mode=False)
        unfinished.replace(database)
    finally:
        unfinished.unlink(missing_ok=True)
