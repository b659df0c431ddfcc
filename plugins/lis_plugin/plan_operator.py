"""The first task of a run: it checks the form, waits for the run's turn, and plans the rest."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, TypeVar, cast

from airflow.sdk import BaseSensorOperator, Context, PokeReturnValue

from jobs.common.errors import InputError, is_connection_error, one_line
from plugins.lis_plugin.refusal import InputRefused, NoAnswer
from plugins.lis_plugin.turn import run_at_work

_SECONDS_BETWEEN_LOOKS = 20

PlanT = TypeVar("PlanT")


class PlanOperator(BaseSensorOperator, Generic[PlanT]):
    """Plans the run and hands the plan on, once no other run of the DAG is at work.

    Args:
        scenario: Shipped name, or path of a YAML file.

    Raises:
        InputRefused: If the form or the scenario cannot be used; also while another run is at work.
    """

    template_fields: Sequence[str] = ("scenario",)
    ui_color = "#eef4ea"

    def __init__(self, *, scenario: str, **options: Any) -> None:
        super().__init__(
            # While it waits, it holds no worker, and the next run can check its form.
            mode="reschedule",
            poke_interval=_SECONDS_BETWEEN_LOOKS,
            max_active_tis_per_dag=1,
            **options,
        )
        self.scenario = scenario

    @abstractmethod
    def plan(self, context: dict[str, Any]) -> PlanT:
        """Check the form and plan the run; nothing is written, as the turn may not have come.

        Raises:
            InputError: If the form or the scenario cannot be used.
        """

    @abstractmethod
    def announced(self, context: Context, plan: PlanT) -> list[dict[str, Any]]:
        """Hand the plan on, and return the entries to map later tasks over.

        Raises:
            InputError: If there is nothing to do.
        """

    def awaited(self, context: Context) -> str | None:
        """Whatever else the run waits for, in words; None for nothing."""
        return None

    def poke(self, context: Context) -> PokeReturnValue:
        ti: Any = context["ti"]
        at_work = run_at_work(ti, self.task_id, {task.task_id for task in self.dag.leaves})
        awaited = str(at_work) if at_work is not None else self.awaited(context)
        if awaited is not None and ti.get_first_reschedule_date(context) is not None:
            self.log.info("Still waits for %s", awaited)
            return PokeReturnValue(is_done=False)
        try:
            plan = self.plan(cast("dict[str, Any]", context))
            if awaited is None:
                return PokeReturnValue(is_done=True, xcom_value=self.announced(context, plan))
        except InputError as error:
            line = one_line(error)
            ending = NoAnswer if is_connection_error(error) else InputRefused
            raise ending(f"error: {line}") from None
        self.log.info(
            "The form is valid. %s waits for %s, and looks again every %d s. To let it go first, "
            "mark that run as failed",
            "This run" if at_work is None else "Runs of this DAG take turns: this one",
            awaited,
            _SECONDS_BETWEEN_LOOKS,
        )
        return PokeReturnValue(is_done=False)
