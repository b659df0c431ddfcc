"""How a task ends for a known reason: one line, no traceback, a retry only where it may help."""

from __future__ import annotations

from typing import Any

from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy


class InputRefused(SystemExit):
    """Ends a task whose input cannot be used; its message is the last line of the task's log.

    Airflow logs other exceptions with their traceback, which buries the line that a user can act
    on. It logs an exit with its message alone.
    """


class NoAnswer(SystemExit):
    """Ends a try of a task as a service does not answer or a disk is full; it is tried again."""


class NoRetryIfRefused(RetryPolicy):
    """Fails a task that has refused its input at once; others are retried as usual."""

    def evaluate(self, exception: BaseException, *_: Any, **__: Any) -> RetryDecision:
        if isinstance(exception, InputRefused):
            return RetryDecision.fail()
        return RetryDecision.default()
