"""Tasks whose horizon is not due yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException


def skip_unless_due(planned: Mapping[str, Any] | None) -> None:
    """End the task as skipped if its horizon waits for data.

    Args:
        planned: The entry of the plan that the task is mapped to; None for one that is not mapped.

    Raises:
        AirflowSkipException: If it does; the message names the day that it waits for.
    """
    if planned is not None and planned.get("waits_for") is not None:
        raise AirflowSkipException(
            f"horizon {planned['horizon']} as of {planned['as_of']} is not due: "
            f"it waits for the data of {planned['waits_for']}"
        )
