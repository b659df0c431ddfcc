"""Links from a task's page to where its result can be seen."""

from __future__ import annotations

import attrs
from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.types import TaskInstanceKey

MLFLOW_URL = "mlflow_url"


@attrs.define()
class MlflowRunLink(BaseOperatorLink):
    """Opens the MLflow run that the task logged; nothing where it logged none."""

    @property
    def name(self) -> str:
        return "MLflow run"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        # Airflow asks when the task has ended, and keeps the answer as an XCom of its own.
        return checked_link(getattr(operator, MLFLOW_URL, ""))


def checked_link(value: object) -> str:
    """The value if a browser may open it as a page, else no link."""
    if isinstance(value, str) and value.startswith(("http://", "https://")):
        return value
    return ""
