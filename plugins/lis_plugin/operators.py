"""Operators that run ``python -m jobs stage …`` in a separate process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException

from jobs.common.outcome import MLFLOW_URL, ExitCode, announced_changes, announced_url
from jobs.common.secrets import without_password
from plugins.lis_plugin.due_horizon import skip_unless_due
from plugins.lis_plugin.links import MlflowRunLink
from plugins.lis_plugin.notify import Event, Message, send
from plugins.lis_plugin.refusal import InputRefused, NoAnswer
from plugins.lis_plugin.task_process import (
    PROJECT,
    end_group,
    environment,
    last_message,
    tied_to_task,
)

_KEPT_LINES = 200


class LisStageOperator(BaseOperator):
    """Runs one stage; its output is the task's log, line by line.

    Args:
        stage: Such as ``train``; see ``python -m jobs stage --help``.
        arguments: Of the stage; templated.
        planned: For a mapped task, the entry of the run's plan that it is for.
            It is rendered first, so that ``arguments`` can use ``task.planned``.

    Raises:
        InputRefused: If the stage refused its input. A retry would not help.
        NoAnswer: If a service that the stage needs does not answer.
        AirflowSkipException: If the horizon is not due.
    """

    template_fields: Sequence[str] = ("planned", "arguments")
    ui_color = "#e7eefc"

    def __init__(
        self,
        *,
        stage: str,
        arguments: Sequence[str],
        planned: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.stage = stage
        self.arguments = arguments
        self.planned = planned
        self._process: subprocess.Popen[str] | None = None

    def execute(self, context: Context) -> None:
        skip_unless_due(self.planned)
        ti: Any = context.get("ti")
        for change in announced_changes(self.run_stage()):
            send(Message(Event.VERDICT_CHANGE, ti.dag_id, ti.run_id, change, ti.task_id))

    def run_stage(self) -> list[str]:
        """Run the stage to its end; returns the last lines that it printed."""
        command = [sys.executable, "-m", "jobs", "stage", self.stage, *self.arguments]
        self.log.info("Running %s", without_password(" ".join(command)))
        lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env={**os.environ, **environment()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            **tied_to_task(),
        )
        for line in self._process.stdout or ():
            # A progress bar clears its line with blanks.
            if text := without_password(line.rstrip()):
                lines.append(text)
                self.log.info("%s", text)
        code = self._process.wait()
        if code == ExitCode.BAD_INPUT:
            raise InputRefused(last_message(lines))
        if code == ExitCode.UNAVAILABLE:
            raise NoAnswer(last_message(lines))
        if code != ExitCode.DONE:
            raise AirflowException(f"stage {self.stage} ended with {code}: {last_message(lines)}")
        return list(lines)

    def on_kill(self) -> None:
        end_group(self._process)


class LisScoreOperator(LisStageOperator):
    """Runs a stage that logs a run to MLflow. Its task links to that run."""

    operator_extra_links = (MlflowRunLink(),)
    mlflow_url = ""

    def execute(self, context: Context) -> None:
        skip_unless_due(self.planned)
        if url := announced_url(self.run_stage()):
            self.mlflow_url = url
            context["ti"].xcom_push(key=MLFLOW_URL, value=self.mlflow_url)
