"""One SQLite store for all tests of tracking, because creating one takes seconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from mlflow import MlflowClient

from jobs.lake import Lake
from jobs.tracking.store import prepare_store


@pytest.fixture(scope="package")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowClient]:
    """A client of the store. Each test has a date or a scenario of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIS_DATA", str(tmp_path_factory.mktemp("data")))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.delenv("LIS_LAKE", raising=False)
        yield prepare_store()


@pytest.fixture(scope="package")
def empty_lake(client: MlflowClient) -> Lake:
    """The lake beside the store."""
    return Lake.from_environment()
