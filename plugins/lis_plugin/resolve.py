"""The first task of a run: it checks the form, waits for the run's turn, and plans the rest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from jobs.common.day_range import shown_ranges
from jobs.common.errors import InputError
from jobs.scenarios import AUTO, ITEM, Scenario, SimulatedSource, load_scenario
from jobs.stages.request import requested_kinds
from plugins.lis_plugin.plan_operator import PlanOperator
from plugins.lis_plugin.run_day import ResolvedDay, first_feed, resolve_day
from plugins.lis_plugin.run_form import RunForm

if TYPE_CHECKING:
    from jobs.ingest.late_days import LateDay
    from jobs.lake import Lake
    from jobs.stages.run_plan import RunPlan

_MOST_DAYS_UNASKED = 60
"""Days that a scheduled run adds to those in the lake, at most."""


class ResolveDateOperator(PlanOperator["RunPlan"]):
    """Plans the run and hands the plan on, once no other run of the DAG is at work.

    XCom ``plan`` is the plan as plain values, ``due`` the horizons that are due with their
    evaluation days (``7@T1:T2``). The return value has one entry for each kind of preference data
    and horizon, to map later tasks over.

    Args:
        scenario: Shipped name, or path of a YAML file.

    Raises:
        InputRefused: If the form or the scenario cannot be used; also while another run is at work.
    """

    def announced(self, context: Context, plan: RunPlan) -> list[dict[str, Any]]:
        ti: Any = context["ti"]
        days = (plan.day - plan.first_day).days + 1
        self.log.info("Plan: %s", plan.reason)
        self.log.info("Ingest reads %d days, %s to %s", days, plan.first_day, plan.day)
        if plan.again or plan.late:
            read_again = shown_ranges(sorted((*plan.again, *plan.late)))
            self.log.info("It reads days again that were ingested before: %s", read_again)
        for score in plan.scores:
            state = f"waits for the data of {score.waits_for}" if score.waits_for else "due"
            if score.alone:
                state = f"again, as days were read again: {', '.join(map(str, score.alone))}"
            self.log.info("Horizon %s as of %s: %s", score.horizon, score.days, state)
        content = plan.to_dict()
        ti.xcom_push(key="plan", value=content)
        ti.xcom_push(key="due", value=[due for score in plan.due for due in score.due])
        return [
            {**score, "preference": name}
            for name in plan.preferences
            for score in content["scores"]
        ]

    def plan(self, context: dict[str, Any]) -> RunPlan:
        # These import Arrow and pandas, and a DAG file must stay quick to parse.
        from jobs.lake import Lake
        from jobs.sources.log_location import raw_location
        from jobs.sources.log_span import log_span
        from jobs.stages.run_plan import plan_run, with_days_again

        form = RunForm.read(context["params"])
        scenario = load_scenario(self.scenario)
        _check_kinds(scenario, form)
        lake = Lake.from_environment()

        # Reading the log may take minutes, so dates are checked before.
        span = cache(lambda: log_span(scenario, raw_location(scenario)))

        def newest() -> ResolvedDay:
            return _newest_day(lake, scenario, form, span()[1])

        on_demand = scenario.schedule.cron is None
        resolved = resolve_day(context, form.as_of, newest if on_demand else None)
        self.log.info("The date comes from %s", resolved.source)
        plan = plan_run(
            lake,
            scenario,
            resolved.day,
            form.as_of,
            form.horizons,
            form.preferences,
            form.modes,
            span(),
        )
        if not plan.due and (on_demand or form.as_of is not None):
            raise InputError(_nothing_due(plan, form))
        if context["dag_run"].run_type == "scheduled":
            _check_gap(lake.days("impressions", scenario.name), plan)
        if form.since is not None and form.since > plan.day:
            raise InputError(
                f"since: {form.since} lies after {plan.day}, the last day of data of this run: "
                "choose an earlier day"
            )
        late = _late(lake, scenario, raw_location(scenario), plan.day)
        for one in late:
            self.log.info("%s: %s", one.day, one.why)
        try:
            return with_days_again(plan, lake, scenario, form.reingest, [one.day for one in late])
        except InputError as error:
            raise InputError(f"reingest: {error}") from error


def _late(lake: Lake, scenario: Scenario, raw: str, day: date) -> list[LateDay]:
    """The days before a run's own that rows have arrived late for."""
    from jobs.ingest.late_days import late_days_if_listed

    first = day - timedelta(days=scenario.schedule.late_days)
    days = [one for one in lake.days("impressions", scenario.name) if first <= one < day]
    return late_days_if_listed(lake, scenario, raw, days)


def _check_kinds(scenario: Scenario, form: RunForm) -> None:
    """Refuse unknown preference data here, before hours of work."""
    # Which slot is the most important one is found when there is a ranker.
    known = scenario.model_copy(update={"slot": ITEM}) if scenario.slot == AUTO else scenario
    requested_kinds(known, form.preferences or scenario.preferences, form.modes or scenario.modes)


def _check_gap(ingested: Sequence[date], plan: RunPlan) -> None:
    """Refuse to fill years because a schedule was switched on again."""
    gap = (plan.day - ingested[-1]).days if ingested else 0
    if gap > _MOST_DAYS_UNASKED:
        raise InputError(
            f"the lake ends on {ingested[-1]}, {gap} days before {plan.day}, and a scheduled run "
            f"adds {_MOST_DAYS_UNASKED} at most: trigger the DAG by hand to bring in all of them"
        )


def _newest_day(lake: Lake, scenario: Scenario, form: RunForm, end_of_log: date) -> ResolvedDay:
    """The day for an empty form of a scenario without a schedule."""
    if not isinstance(scenario.source, SimulatedSource):
        return ResolvedDay(end_of_log, "the newest day of the log")
    if ingested := lake.days("impressions", scenario.name):
        return ResolvedDay(ingested[-1], "the newest day in the lake")
    feed = first_feed(scenario, form.horizons or scenario.horizons)
    day = min(feed.last, end_of_log)
    return ResolvedDay(day, f"what a feed needs to score each horizon, as {lake.uri} is empty")


def _nothing_due(plan: RunPlan, form: RunForm) -> str:
    """Why no score can be made, and which can."""
    first = min(plan.scores, key=lambda score: score.horizon)
    why = (
        f"nothing can be scored as of {first.days}: n = {first.horizon} needs the data of "
        f"{first.waits_for}, and the log ends on {plan.day}"
    )
    if form.as_of is None:
        return f"horizons: {why}; choose fewer days of leak"
    newest = plan.day - timedelta(days=max(first.horizon, 1) - 1)
    return f"as_of: {why}; choose {newest} or an earlier day, or fewer days of leak"
