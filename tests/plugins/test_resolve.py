"""The first task plans the run, and hands on the values for the templates of the others."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from plugins.lis_plugin.resolve import ResolveDateOperator


class RecordedXCom:
    """Records what a task pushes."""

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


def run(feed: Path, **params: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    ti = RecordedXCom()
    context: Any = {
        "ti": ti,
        "params": params,
        "dag_run": SimpleNamespace(run_after=datetime(2026, 1, 10, 2, tzinfo=UTC)),
        "logical_date": datetime(2026, 1, 9, 2, tzinfo=UTC),
    }
    return ResolveDateOperator(task_id="t", scenario=str(feed)).execute(context), ti.pushed


def test_a_scheduled_run_scores_each_horizon_as_of_another_day(tiny_feed: Path) -> None:
    planned, pushed = run(tiny_feed)
    assert [(s["preference"], s["as_of"], s["horizon"], s["waits_for"]) for s in planned] == [
        ("id_embedding", "2026-01-07", 2, None),
        ("id_embedding", "2026-01-04", 5, None),
    ]
    assert pushed["due"] == ["2@2026-01-07", "5@2026-01-04"]
    assert pushed["plan"]["day"] == "2026-01-09"


def test_the_form_chooses_dates_horizons_and_preferences(tiny_feed: Path) -> None:
    as_of, preferences = "2026-01-03:2026-01-05", ["next_click", "id_embedding"]
    planned, pushed = run(
        tiny_feed, as_of=as_of, horizons=[1, 2], preferences=preferences, modes=["retrain"]
    )
    assert [(s["preference"], s["as_of"], s["horizon"]) for s in planned] == [
        ("next_click", as_of, 1),
        ("next_click", as_of, 2),
        ("id_embedding", as_of, 1),
        ("id_embedding", as_of, 2),
    ]
    assert pushed["plan"]["preferences"] == preferences
    assert pushed["plan"]["modes"] == ["retrain"]


def test_a_kind_that_does_not_allow_the_mode_fails_without_a_retry(tiny_feed: Path) -> None:
    with pytest.raises(AirflowFailException, match="next_click cannot be scored in mode swap"):
        run(tiny_feed, preferences=["next_click"], modes=["swap"])


def test_bad_input_fails_without_a_retry(tiny_feed: Path) -> None:
    with pytest.raises(AirflowFailException, match=r"param as_of: the range .* ends before"):
        run(tiny_feed, as_of="2026-01-05:2026-01-03")
