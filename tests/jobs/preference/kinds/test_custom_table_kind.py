"""A table in a scenario is a kind: what it says of itself follows from its keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.preference.behaviour import MadeFromElse
from jobs.preference.kinds.custom_table import OwnTable
from jobs.scenarios import PreferenceTable, Scenario


def test_it_takes_what_its_column_holds() -> None:
    vectors = OwnTable(PreferenceTable(name="mine", path="x.parquet", vector="v"))
    lists = OwnTable(PreferenceTable(name="mine", path="x.parquet", items="i"))
    assert (vectors.keyed_by, vectors.takes) == ("item", "vector")
    assert (lists.keyed_by, lists.takes) == ("item", "items")
    # Vectors of a user's own are not of the ranker's item space, so they cannot be swapped.
    assert vectors.modes == lists.modes == ("retrain", "probe")


def test_it_is_made_from_its_files_and_not_from_the_log() -> None:
    assert isinstance(OwnTable(PreferenceTable(name="m", path="x", vector="v")), MadeFromElse)


@pytest.mark.parametrize("said", ["yes", "no", "unknown"])
def test_whether_it_saw_held_out_rows_is_what_the_user_says(said: str) -> None:
    table = PreferenceTable.model_validate(
        {"name": "mine", "path": "x", "vector": "v", "eval_rows_seen": said}
    )
    assert OwnTable(table).eval_rows_seen == said


def test_what_the_user_does_not_say_is_unknown() -> None:
    table = PreferenceTable(name="mine", path="x", vector="v")
    assert OwnTable(table).eval_rows_seen == "unknown"


def test_a_path_is_looked_for_beside_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    content = {
        "name": "tiny",
        "source": {"reader": "simulated"},
        "custom_preferences": [
            {"name": "there", "path": "tables", "vector": "v"},
            {"name": "cloud", "path": "s3://bucket/tables", "vector": "v"},
            {"name": "variable", "path": "$TABLES/mine", "vector": "v"},
        ],
    }
    scenario = Scenario.model_validate(content, context={"folder": tmp_path})
    paths = [own.path for own in scenario.custom_preferences if isinstance(own, PreferenceTable)]
    assert paths == [str(tmp_path / "tables"), "s3://bucket/tables", "$TABLES/mine"]
