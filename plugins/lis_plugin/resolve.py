"""The first task of a run: it decides the dates, and plans what the run does."""

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

    XCom: ``plan`` is the plan as plain values, ``due`` the evaluation dates (``T1:T2``) and the
    horizons that are due, and the return value is one entry a horizon, to map later tasks over.

    Args:
        scenario: shipped name, or path of a YAML file.
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
        horizons = [
            {**content, "as_of": scoring.as_of}
            for content, scoring in zip(plan.to_dict()["scorings"], plan.scorings, strict=True)
        ]
        for scoring in horizons:
            state = f"waits for {scoring['waits_for']}" if scoring["waits_for"] else "due"
            self.log.info("Horizon %s as of %s: %s", scoring["horizon"], scoring["as_of"], state)
        scorings = [
            {**scoring, "preference": name} for name in plan.preferences for scoring in horizons
        ]
        context["ti"].xcom_push(key="plan", value=plan.to_dict())
        due = [f"{scoring.horizon}@{scoring.as_of}" for scoring in plan.due]
        context["ti"].xcom_push(key="due", value=due)
        return scorings

    def _plan(self, context: dict[str, Any]) -> RunPlan:
        # Arrow and pandas come with these, and a DAG file must stay quick to parse.
        from jobs.lake import Lake
        from jobs.sources.log_location import raw_location
        from jobs.sources.log_span import log_span
        from jobs.stages.request import wanted_scores
        from jobs.stages.run_plan import plan_run

        scenario = load_scenario(self.scenario)
        span = log_span(scenario, raw_location(scenario))
        resolved = resolve_day(context, (lambda: span[1]) if _has_ended(scenario) else None)
        self.log.info("The date comes from %s", resolved.source)
        plan = plan_run(
            Lake.from_environment(),
            scenario,
            resolved.day,
            resolved.as_of,
            context["params"].get("horizons"),
            context["params"].get("preferences"),
            context["params"].get("modes"),
            span,
        )
        wanted_scores(scenario, plan.preferences, plan.modes)
        return plan


def _has_ended(scenario: Scenario) -> bool:
    """Without a schedule, the log is one that no longer grows."""
    return scenario.schedule.cron is None
