"""What the DAGs of all scenarios have in common beside their tasks and form: schedule, tags."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

from airflow.sdk import CronDataIntervalTimetable

from jobs.scenarios import Scenario, SimulatedSource
from plugins.lis_plugin.refusal import NoRetryIfRefused

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "recommender",
    "retries": 2,
    "retry_delay": timedelta(minutes=2),
    "retry_policy": NoRetryIfRefused(),
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
