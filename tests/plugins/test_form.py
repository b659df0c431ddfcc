"""The form of a manual run offers every kind of preference data."""

from __future__ import annotations

from pathlib import Path

from jobs.scenarios import load_scenario
from plugins.lis_plugin.dag_parts import form
from tests.jobs.preference.dummy_kind import added_dummy_kind


def test_a_new_kind_is_offered(tmp_path: Path, tiny_feed: Path) -> None:
    scenario = load_scenario(str(tiny_feed))
    before = form(scenario)["preferences"].schema["examples"]
    with added_dummy_kind(tmp_path):
        after = form(scenario)["preferences"].schema["examples"]
    assert set(after) - set(before) == {"a_second_dummy", "dummy_kind"}
