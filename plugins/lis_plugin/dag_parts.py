"""What every scenario's DAG has in common but its tasks: schedule, form, assets, arguments."""

from __future__ import annotations

import os
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import Asset, CronDataIntervalTimetable, Param

from jobs.preference.registry import BUILT_IN
from jobs.scenarios import Mode, Scenario, SimulatedSource, shipped_scenarios

_PLAN = "ti.xcom_pull(task_ids='resolve_date', key='plan')"
_DUE = "ti.xcom_pull(task_ids='resolve_date', key='due')"
_DAY = f"{{{{ {_PLAN}['day'] }}}}"
_MODES = ["--mode", f"{{{{ {_PLAN}['modes'] | join(',') }}}}"]
_UNTIL = ["--until", _DAY]

MODES = [mode.value for mode in Mode]
INGESTED = ("impressions", "items", "quarantine", "history")

DAYS = ["--start", f"{{{{ {_PLAN}['first_day'] }}}}", "--end", _DAY]
TRAIN = [*_UNTIL, "--since", "{{ params.since or '' }}"]
ALL_DUE = [
    *("--due", f"{{{{ {_DUE} | join(',') }}}}"),
    *("--preference", f"{{{{ {_PLAN}['preferences'] | join(',') }}}}"),
    *_MODES,
]
ASSEMBLE = [*_UNTIL, *ALL_DUE]
ONE_SCORING = [
    *("--as-of", "{{ task.scoring['as_of'] }}"),
    *("--horizons", "{{ task.scoring['horizon'] }}"),
    *("--preference", "{{ task.scoring['preference'] }}"),
    *_MODES,
]


DEFAULT_ARGS: dict[str, Any] = {
    "owner": "recommender",
    "retries": 2,
    "retry_delay": timedelta(minutes=2),
}


def scenario_sources() -> list[str]:
    """Shipped names, then the YAML paths that ``LIS_SCENARIOS`` lists as ``PATH`` does."""
    paths = os.environ.get("LIS_SCENARIOS", "").split(os.pathsep)
    # Absolute, for a task's working folder is not the one in which the variable was set.
    return [*shipped_scenarios(), *(str(Path(path).resolve()) for path in paths if path)]


def schedule(scenario: Scenario) -> CronDataIntervalTimetable | None:
    """A timetable whose logical date is the day of data, and not the moment of the trigger."""
    cron = scenario.schedule.cron
    return None if cron is None else CronDataIntervalTimetable(cron, "UTC")


def start_date(scenario: Scenario) -> datetime:
    """Midnight UTC of the first day that a backfill may ask for."""
    return datetime.combine(scenario.schedule.start, time(), tzinfo=UTC)


def tags(scenario: Scenario) -> list[str]:
    """How the DAG is found in the list of DAGs."""
    kind = "simulated" if isinstance(scenario.source, SimulatedSource) else "log"
    return ["lis", "daily" if scenario.schedule.cron else "on demand", kind]


def form(scenario: Scenario) -> dict[str, Param]:
    """What a manual run may choose. Left empty, it does what the schedule would do."""
    day = r"\d{4}-\d{2}-\d{2}"
    return {
        "as_of": Param(
            None,
            type=["null", "string"],
            pattern=rf"^({day}(:{day})?)?$",
            title="Evaluation date",
            description="2026-01-31, or 2026-01-25:2026-01-31 for several and their pooled "
            "result. Empty: the newest date that each horizon allows.",
        ),
        "since": Param(
            None,
            type=["null", "string"],
            pattern=rf"^({day})?$",
            title="First day of a new ranker",
            description="A changed ranker gets a lineage of its own beside the old one. Empty: "
            "it begins where the log does.",
        ),
        "horizons": Param(
            None,
            type=["null", "array"],
            items={"type": "integer", "minimum": 0},
            title="Days of leak",
            description=f"One number a line. Empty: {list(scenario.horizons)}.",
        ),
        "preferences": Param(
            list(scenario.preferences),
            type="array",
            items={"type": "string"},
            examples=sorted({*(kind.name for kind in BUILT_IN), *scenario.preferences}),
            title="Preference data",
            description="What is leaked into the ranker.",
        ),
        "modes": Param(
            list(scenario.modes),
            type="array",
            items={"type": "string", "enum": MODES},
            examples=MODES,
            title="Modes",
            description="swap: the future's table in today's ranker. probe: small towers on the "
            "frozen ranker, with and without the leak. retrain: rankers trained so. Preference "
            "data is scored in those that it allows.",
        ),
    }


def tables(scenario: Scenario, *names: str) -> list[Asset]:
    """The tables that a task publishes, as outlets."""
    return [Asset(f"lis://{scenario.name}/{name}") for name in names]
