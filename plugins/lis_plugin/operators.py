"""Operators that run ``python -m jobs step …`` as a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from plugins.lis_plugin.due_horizon import skip_unless_due
from plugins.lis_plugin.links import MLFLOW_URL, MlflowRunLink
from plugins.lis_plugin.task_process import (
    BAD_INPUT,
    PROJECT,
    end_group,
    environment,
    last_said,
    tied_to_task,
)

_REMEMBERED_LINES = 200


class LisStepOperator(BaseOperator):
    """Runs one step of the pipeline; its output is the task's log, line by line.

    Args:
        step: such as ``train``; see ``python -m jobs step --help``.
        arguments: of the step; templated.
        scoring: for a mapped task, the horizon that it is for; templated, and first, so that
            ``arguments`` can use ``task.scoring``.

    Raises:
        AirflowFailException: the step refused its input. Trying again would not help.
        AirflowSkipException: the horizon is not due.
    """

    template_fields: Sequence[str] = ("scoring", "arguments")
    ui_color = "#e7eefc"

    def __init__(
        self,
        *,
        step: str,
        arguments: Sequence[str],
        scoring: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.step = step
        self.arguments = arguments
        self.scoring = scoring
        self._process: subprocess.Popen[str] | None = None

    def execute(self, context: Context) -> None:
        skip_unless_due(self.scoring)
        self.run_step()

    def run_step(self) -> list[str]:
        """Run the step to its end; returns the last lines that it printed."""
        command = [sys.executable, "-m", "jobs", "step", self.step, *self.arguments]
        self.log.info("Running %s", " ".join(command))
        lines: deque[str] = deque(maxlen=_REMEMBERED_LINES)
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
            lines.append(line.rstrip())
            self.log.info("%s", lines[-1])
        code = self._process.wait()
        if code == BAD_INPUT:
            raise AirflowFailException(last_said(lines))
        if code != 0:
            raise AirflowException(f"step {self.step} ended with {code}: {last_said(lines)}")
        return list(lines)

    def on_kill(self) -> None:
        end_group(self._process)


class LisScoreOperator(LisStepOperator):
    """The step that scores a leak. Its task links to the run that it logged to MLflow."""

    operator_extra_links = (MlflowRunLink(),)
    mlflow_url = ""

    def execute(self, context: Context) -> None:
        skip_unless_due(self.scoring)
        prefix = f"{MLFLOW_URL}="
        urls = [line.removeprefix(prefix) for line in self.run_step() if line.startswith(prefix)]
        if urls:
            self.mlflow_url = urls[-1]
            context["ti"].xcom_push(key=MLFLOW_URL, value=self.mlflow_url)
