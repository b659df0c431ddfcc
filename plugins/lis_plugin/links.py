"""Links from a task's page to its result."""

from __future__ import annotations

import attrs
from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.types import TaskInstanceKey

from jobs.common.outcome import MLFLOW_URL


@attrs.define()
class MlflowRunLink(BaseOperatorLink):
    """Opens the MLflow run that the task logged; no link if it logged none."""

    @property
    def name(self) -> str:
        return "MLflow run"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        # Airflow calls this when the task has ended, and stores the link as an XCom.
        return checked_link(getattr(operator, MLFLOW_URL, ""))


def checked_link(value: object) -> str:
    """The value if it is the address of a web page, else an empty string."""
    if isinstance(value, str) and value.startswith(("http://", "https://")):
        return value
    return ""
