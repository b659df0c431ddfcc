"""The operator that runs a stage on Spark."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException

from jobs.common.errors import ServiceUnavailable
from jobs.common.outcome import ExitCode
from jobs.spark.jvm_options import OPTIONS, jvm_options
from jobs.spark.master import driver_settings, python_of_executors, require_answer
from plugins.lis_plugin.due_horizon import skip_unless_due
from plugins.lis_plugin.refusal import InputRefused, NoAnswer
from plugins.lis_plugin.task_process import (
    PROJECT,
    end_group,
    environment,
    last_message,
    tied_to_task,
)


class LisSparkOperator(SparkSubmitOperator):
    """Runs one stage under spark-submit, on connection ``spark_default``.

    Args:
        stage: Such as ``ingest``; see ``python -m jobs stage --help``.
        arguments: Of the stage; templated.
        planned: As in ``LisStageOperator``.

    Raises:
        InputRefused: If the stage refused its input. A retry would not help.
        NoAnswer: If a service that the stage needs does not answer.
        AirflowSkipException: If the horizon is not due.
    """

    template_fields: Sequence[str] = ("planned", *SparkSubmitOperator.template_fields)
    ui_color = "#fdf1e3"

    def __init__(
        self,
        *,
        stage: str,
        arguments: Sequence[str],
        planned: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(
            application=str(PROJECT / "jobs" / "__main__.py"),
            application_args=["stage", stage, *arguments],
            name=f"lis-{stage}",
            conn_id="spark_default",
            driver_memory=os.environ.get("LIS_SPARK_MEMORY", "4g"),
            packages=os.environ.get("LIS_SPARK_PACKAGES") or None,
            env_vars={
                **environment(),
                # The JVM starts the Python driver, which must not outlive it.
                "LIS_DIE_WITH_PARENT": "1",
                "PYSPARK_DRIVER_PYTHON": sys.executable,
                OPTIONS: jvm_options(),
            },
            **options,
        )
        self.planned = planned

    def execute(self, context: Context) -> None:
        skip_unless_due(self.planned)
        # execute() makes a hook only if there is none, so it uses this one.
        hook = self._hook = self._hook_for_master()
        hook.submit = partial(hook.submit, **tied_to_task())
        try:
            super().execute(context)
        except AirflowException:
            code = None if hook._submit_sp is None else hook._submit_sp.returncode
            if code == ExitCode.BAD_INPUT:
                raise InputRefused(last_message(hook._last_submit_log_lines)) from None
            if code == ExitCode.UNAVAILABLE:
                raise NoAnswer(last_message(hook._last_submit_log_lines)) from None
            raise

    def _hook_for_master(self) -> Any:
        """The hook, with what follows from the master that the connection names.

        Raises:
            NoAnswer: If the master does not answer.
        """
        hook: Any = self._get_hook()
        master = hook._connection["master"]
        try:
            require_answer(master)
        except ServiceUnavailable as error:
            raise NoAnswer(str(error)) from None
        hook._env_vars = {**hook._env_vars, "PYSPARK_PYTHON": python_of_executors(master)}
        hook._conf = {**driver_settings(master), **hook._conf}
        return hook

    def on_kill(self) -> None:
        if self._hook is not None:
            end_group(self._hook._submit_sp)
            super().on_kill()
