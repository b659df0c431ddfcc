"""The operator that runs a step of the pipeline on Spark."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from plugins.lis_plugin.due_horizon import skip_unless_due
from plugins.lis_plugin.task_process import (
    BAD_INPUT,
    PROJECT,
    end_group,
    environment,
    last_said,
    tied_to_task,
)


class LisSparkOperator(SparkSubmitOperator):
    """Runs one step of the pipeline under spark-submit, on connection ``spark_default``.

    Args:
        step: such as ``ingest``; see ``python -m jobs step --help``.
        arguments: of the step; templated.
        scoring: as in ``LisStepOperator``.

    Raises:
        AirflowFailException: the step refused its input. Trying again would not help.
        AirflowSkipException: the horizon is not due.
    """

    template_fields: Sequence[str] = ("scoring", *SparkSubmitOperator.template_fields)
    ui_color = "#fdf1e3"

    def __init__(
        self,
        *,
        step: str,
        arguments: Sequence[str],
        scoring: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(
            application=str(PROJECT / "jobs" / "__main__.py"),
            application_args=["step", step, *arguments],
            name=f"lis-{step}",
            conn_id="spark_default",
            driver_memory=os.environ.get("LIS_SPARK_MEMORY", "4g"),
            env_vars={
                **environment(),
                # The JVM starts the Python driver, which must not outlive it.
                "LIS_DIE_WITH_PARENT": "1",
                "PYSPARK_PYTHON": sys.executable,
                "PYSPARK_DRIVER_PYTHON": sys.executable,
            },
            **options,
        )
        self.scoring = scoring

    def execute(self, context: Context) -> None:
        skip_unless_due(self.scoring)
        # execute() makes a hook only where there is none, so this one is the one that it uses.
        hook: Any = self._get_hook()
        hook.submit = partial(hook.submit, **tied_to_task())
        self._hook = hook
        try:
            super().execute(context)
        except AirflowException as error:
            if hook._submit_sp is not None and hook._submit_sp.returncode == BAD_INPUT:
                raise AirflowFailException(last_said(hook._last_submit_log_lines)) from error
            raise

    def on_kill(self) -> None:
        if self._hook is not None:
            end_group(self._hook._submit_sp)
            super().on_kill()
