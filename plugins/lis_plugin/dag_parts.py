"""What the DAGs of all scenarios have in common beside their tasks and form."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

from airflow.sdk import CronDataIntervalTimetable
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from jobs.scenarios import Scenario, SimulatedSource
from plugins.lis_plugin.notify import notifies, run_late, run_timed_out, task_failed
from plugins.lis_plugin.refusal import NoRetryIfRefused


def options(scenario: Scenario) -> dict[str, Any]:
    """Arguments of a DAG: since when, how long, and who is told.

    A try of a task that takes too long is ended and may be tried again, a run that does is ended
    for good. Deadlines cost the scheduler work, so there are none if nobody is to be told.
    """
    deadline = DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(hours=scenario.schedule.late_hours),
        callback=AsyncCallback(run_late),
    )
    return {
        "start_date": start_date(scenario),
        "catchup": False,
        "dagrun_timeout": timedelta(hours=scenario.schedule.run_hours),
        "deadline": deadline if notifies() else None,
        "on_failure_callback": run_timed_out,
        "default_args": task_options(scenario),
    }


def task_options(scenario: Scenario) -> dict[str, Any]:
    """Arguments of a task: who owns it, how often and how long it is tried, and who is told."""
    return {
        "owner": "recommender",
        "retries": 2,
        "retry_delay": timedelta(minutes=2),
        "retry_policy": NoRetryIfRefused(),
        "execution_timeout": timedelta(hours=scenario.schedule.task_hours),
        "on_failure_callback": task_failed,
    }


def schedule(scenario: Scenario) -> CronDataIntervalTimetable | None:
    """A timetable whose logical date is the day of data, not the moment of the trigger."""
    cron = scenario.schedule.cron
    return None if cron is None else CronDataIntervalTimetable(cron, "UTC")


def start_date(scenario: Scenario) -> datetime:
    """Midnight UTC of the first day that a backfill may ask for."""
    return datetime.combine(scenario.schedule.start, time(), tzinfo=UTC)


def tags(scenario: Scenario) -> list[str]:
    """Labels to filter the list of DAGs by."""
    kind = "simulated" if isinstance(scenario.source, SimulatedSource) else "log"
    return ["lis", "daily" if scenario.schedule.cron else "on demand", kind]
