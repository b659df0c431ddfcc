"""A table that a scenario names is a kind; its declaration follows from the keys of its entry."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.preference.kind import KindWithInputs, phrase_of
from jobs.preference.kinds.custom_table import CustomTable
from jobs.scenarios import PreferenceTable, Scenario


def test_it_takes_the_values_of_its_column() -> None:
    vectors = CustomTable(PreferenceTable(name="mine", path="x.parquet", vector="v"))
    lists = CustomTable(PreferenceTable(name="mine", path="x.parquet", items="i"))
    assert (vectors.keyed_by, vectors.takes) == ("item", "vector")
    assert (lists.keyed_by, lists.takes) == ("item", "items")
    # Custom vectors are not in the item space of the ranker, so they cannot be swapped.
    assert vectors.modes == lists.modes == ("retrain", "probe")


def test_it_is_computed_from_its_files_and_not_from_the_log() -> None:
    assert isinstance(CustomTable(PreferenceTable(name="m", path="x", vector="v")), KindWithInputs)


def test_reports_describe_it_by_its_name() -> None:
    kind = CustomTable(PreferenceTable(name="mine", path="x", vector="v"))
    phrase = phrase_of(kind).format(days="7 days")
    assert phrase == "the rows of the table “mine” that are available 7 days later"


@pytest.mark.parametrize("declared", ["yes", "no", "unknown"])
def test_the_user_declares_whether_held_out_labels_were_used(declared: str) -> None:
    table = PreferenceTable.model_validate(
        {"name": "mine", "path": "x", "vector": "v", "eval_rows_seen": declared}
    )
    assert CustomTable(table).eval_rows_seen == declared


def test_without_a_declaration_it_is_unknown() -> None:
    table = PreferenceTable(name="mine", path="x", vector="v")
    assert CustomTable(table).eval_rows_seen == "unknown"


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
    paths = [one.path for one in scenario.custom_preferences if isinstance(one, PreferenceTable)]
    assert paths == [str(tmp_path / "tables"), "s3://bucket/tables", "$TABLES/mine"]
