"""The first task of an alignment: it plans which encoders are aligned and evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from jobs.common.errors import InputError
from jobs.scenarios import load_scenario
from plugins.lis_plugin.alignment_form import AlignmentForm
from plugins.lis_plugin.plan_operator import PlanOperator

if TYPE_CHECKING:
    from plugins.lis_plugin.alignment_plan import AlignmentPlan

_AT_WORK = {"running", "queued"}


class ResolveAlignmentOperator(PlanOperator["AlignmentPlan"]):
    """Plans the run and hands the plan on, once no other run of the DAG is at work.

    A run that new LIS results have started waits until the run that scores them has ended, since
    verdicts are corrected for all results of a date. It evaluates the encoder that exists, if that
    is a week old or older. Where the gate lets nothing pass, it is skipped.

    XCom ``plan`` has what all alignments have in common. The return value has one entry for each,
    to map later tasks over.

    Raises:
        InputRefused: If the form or the scenario cannot be used; also while another run is at work.
        AirflowSkipException: If new LIS results have started the run and nothing passes the gate.
    """

    def awaited(self, context: Context) -> str | None:
        ti: Any = context["ti"]
        for events in context["triggering_asset_events"].values():
            for event in events:
                dag_id, run_id = event.source_dag_id, event.source_run_id
                if run_id is not None and ti.get_dagrun_state(dag_id, run_id) in _AT_WORK:
                    return f"run {run_id} of {dag_id}, whose scores count together"
        return None

    def plan(self, context: dict[str, Any]) -> AlignmentPlan:
        # These import Arrow, and a DAG file must stay quick to parse.
        from jobs.lake import Lake
        from plugins.lis_plugin.alignment_plan import plan_alignment

        form = AlignmentForm.read(context["params"])
        scenario, lake = load_scenario(self.scenario), Lake.from_environment()
        return plan_alignment(lake, scenario, form, keeps_encoders=_is_automatic(context))

    def announced(self, context: Context, plan: AlignmentPlan) -> list[dict[str, Any]]:
        from jobs.lake import Lake
        from jobs.stages.alignment.gate import decide

        ti: Any = context["ti"]
        self.log.info(
            "Evaluation days: %s, days of leak of the bound: %s", plan.days, plan.horizons
        )
        names = [decision.preference for decision in plan.refused]
        decide(Lake.from_environment(), load_scenario(self.scenario), names, plan.days.last, None)
        for decision in plan.refused:
            self.log.info("Gate: %s", decision)
        for one in plan.alignments:
            what = "the encoder that was aligned" if one.is_kept else "an encoder aligned"
            self.log.info("%s: %s as of %s", one.preference, what, one.aligned_at)
        if plan.alignments:
            ti.xcom_push(key="plan", value=plan.of_run())
            return plan.entries()
        if _is_automatic(context):
            raise AirflowSkipException(plan.nothing_passes())
        raise InputError(
            f"{plan.nothing_passes()}. To go on, name the data in preferences and give a reason in "
            "force"
        )


def _is_automatic(context: Any) -> bool:
    """Whether new results have started the run, rather than a user."""
    return bool(context["dag_run"].run_type == "asset_triggered")
