"""The first task of a run: it decides the dates and plans the rest of the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from jobs.common.errors import InputError
from jobs.scenarios import Scenario, load_scenario
from plugins.lis_plugin.run_day import resolve_day

if TYPE_CHECKING:
    from jobs.stages.run_plan import RunPlan


class ResolveDateOperator(BaseOperator):
    """Plans the run and hands the plan on.

    XCom ``plan`` is the plan as plain values, ``due`` the horizons that are due with their
    evaluation days (``7@T1:T2``). The return value has one entry for each kind of preference data
    and horizon, to map later tasks over.

    Args:
        scenario: Shipped name, or path of a YAML file.
    """

    template_fields: Sequence[str] = ("scenario",)
    ui_color = "#eef4ea"

    def __init__(self, *, scenario: str, **options: Any) -> None:
        super().__init__(**options)
        self.scenario = scenario

    def execute(self, context: Context) -> list[dict[str, Any]]:
        try:
            plan = self._plan(cast("dict[str, Any]", context))
        except InputError as error:
            raise AirflowFailException(str(error)) from error
        self.log.info("Day %s (%s); ingest begins on %s", plan.day, plan.reason, plan.first_day)
        for score in plan.scores:
            state = f"waits for {score.waits_for}" if score.waits_for else "due"
            self.log.info("Horizon %s as of %s: %s", score.horizon, score.days, state)
        content = plan.to_dict()
        context["ti"].xcom_push(key="plan", value=content)
        due = [f"{score.horizon}@{score.days}" for score in plan.due]
        context["ti"].xcom_push(key="due", value=due)
        return [
            {**score, "preference": name}
            for name in plan.preferences
            for score in content["scores"]
        ]

    def _plan(self, context: dict[str, Any]) -> RunPlan:
        # These import Arrow and pandas, and a DAG file must stay quick to parse.
        from jobs.lake import Lake
        from jobs.sources.log_location import raw_location
        from jobs.sources.log_span import log_span
        from jobs.stages.request import parse_mode, requested_kinds
        from jobs.stages.run_plan import plan_run

        scenario = load_scenario(self.scenario)
        span = log_span(scenario, raw_location(scenario))
        resolved = resolve_day(context, (lambda: span[1]) if _has_ended(scenario) else None)
        self.log.info("The date comes from %s", resolved.source)
        params = context["params"]
        plan = plan_run(
            Lake.from_environment(),
            scenario,
            resolved.day,
            resolved.as_of,
            params.get("horizons"),
            params.get("preferences"),
            [parse_mode(name) for name in params.get("modes") or ()],
            span,
        )
        # Refuses unknown preference data here, before hours of work.
        requested_kinds(scenario, plan.preferences, plan.modes)
        return plan


def _has_ended(scenario: Scenario) -> bool:
    """A log without a schedule no longer grows."""
    return scenario.schedule.cron is None
