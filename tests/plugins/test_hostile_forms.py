"""Forms that no one should send: each is a plan, or one line that names the field."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG

from jobs.common.errors import InputError, one_line
from plugins.lis_plugin.plan_operator import PlanOperator
from plugins.lis_plugin.resolve import ResolveDateOperator
from plugins.lis_plugin.resolve_alignment import ResolveAlignmentOperator
from tests import hostile

FULL, FEW = 500, 60
FIELDS: dict[type[PlanOperator[Any]], tuple[str, ...]] = {
    ResolveDateOperator: ("as_of", "since", "horizons", "preferences", "modes", "reingest"),
    ResolveAlignmentOperator: ("as_of", "preferences", "aligned_at", "heads", "force"),
}
USUAL = {
    "horizons": ([7, 30], "7,30", ["2", "5"], [0], "3650", [3650, 7]),
    "preferences": (["id_embedding"], "next_click", ["id_embedding", "next_click"]),
    "modes": (["swap"], "probe,retrain"),
    "heads": (["raw"], "codes"),
    "force": ("a try", "{{ 1 / 0 }}"),
}
OTHER: tuple[object, ...] = (0, -1, 2**70, 1.5, float("nan"), True, {}, {"a": [1]}, [], [[7], None])
DAYS = ("as_of", "since", "reingest", "aligned_at")
RUNS_AFTER = (
    datetime(2026, 1, 10, 2, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2199, 12, 31, 23, 59, tzinfo=UTC),
)


def value(chance: random.Random, field: str) -> object:
    """What the page, the REST API or a command may send for a field: JSON of any kind."""
    kind = chance.random()
    if kind < 0.2:
        return None
    if kind < 0.4:
        return hostile.text(chance)
    if kind < 0.5:
        return chance.choice(
            (0, -1, 2**70, 1.5, float("nan"), True, {}, {"a": [1]}, [], [[7], None])
        )
    if kind < 0.6:
        return [hostile.text(chance) for _ in range(chance.choice((1, 2, 200)))]
    return hostile.days(chance) if field in DAYS else chance.choice(USUAL[field])


@pytest.fixture
def feed(tiny_feed: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIS_DATA", str(tiny_feed.parent / "data"))
    return tiny_feed


def use(task: PlanOperator[Any], context: dict[str, Any]) -> str:
    """Plan a run; the line that refuses its form, if any."""
    try:
        task.plan(context)
    except InputError as error:
        return one_line(error)
    return ""


@pytest.mark.parametrize("operator", FIELDS, ids=lambda one: one.__name__)
def test_a_hostile_form_is_a_plan_or_one_line(
    operator: type[PlanOperator[Any]], feed: Path
) -> None:
    with DAG(dag_id="d", schedule=None):
        task = operator(task_id="t", scenario=str(feed))
    cases, refused = hostile.count(FULL, FEW) // len(FIELDS), 0
    for case in range(cases):
        chance = hostile.number_of(case)
        params = {name: value(chance, name) for name in FIELDS[operator] if chance.random() < 0.6}
        run = SimpleNamespace(run_after=chance.choice(RUNS_AFTER), run_type="manual")
        context: dict[str, Any] = {"params": params, "dag_run": run}
        if chance.random() < 0.2:
            context["partition_key"] = hostile.text(chance)
        if line := use(task, context):
            refused += 1
            assert hostile.is_clean(line), (case, params)
    assert cases / 3 < refused
