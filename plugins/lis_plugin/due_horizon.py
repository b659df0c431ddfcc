"""Tasks that are mapped over planned scores, and those whose horizon is not due yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

MAP_NAME = (
    "{{ task.planned_score['preference'] }} · n={{ task.planned_score['horizon'] }}"
    " · {{ task.planned_score['as_of'] }}"
)


def skip_unless_due(planned_score: Mapping[str, Any] | None) -> None:
    """End the task as skipped if its horizon waits for data.

    Args:
        planned_score: An entry of what ``ResolveDateOperator`` returns; None for a task that is
            not mapped.

    Raises:
        AirflowSkipException: If it does; the message names the day that it waits for.
    """
    if planned_score is not None and planned_score["waits_for"] is not None:
        raise AirflowSkipException(
            f"horizon {planned_score['horizon']} as of {planned_score['as_of']} is not due: "
            f"it waits for the data of {planned_score['waits_for']}"
        )
