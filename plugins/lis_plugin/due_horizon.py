"""Tasks that are mapped over preference data and horizons, and those whose future is to come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

MAP_NAME = (
    "{{ task.scoring['preference'] }} · n={{ task.scoring['horizon'] }}"
    " · {{ task.scoring['as_of'] }}"
)


def skip_unless_due(scoring: Mapping[str, Any] | None) -> None:
    """End the task as skipped where its horizon waits for data.

    Raises:
        AirflowSkipException: the message names the day that it waits for.
    """
    if scoring is not None and scoring["waits_for"] is not None:
        raise AirflowSkipException(
            f"horizon {scoring['horizon']} as of {scoring['as_of']} is not due: "
            f"it waits for the data of {scoring['waits_for']}"
        )
