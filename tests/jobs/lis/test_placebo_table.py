"""The placebo of a table does not depend on held-out rows: neither on labels nor on which exist."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any, Literal, cast

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from jobs.lake import Lake, Partition
from jobs.lis.placebo_table import lineage_keys, placebo_table
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.model.vocabulary import Vocabulary
from jobs.ranker.rows.day_rows import DayRows
from jobs.ranker.towers.row_features import FeatureTable
from jobs.scenarios import Scenario, SimulatedSource

SCENARIO = Scenario(name="tiny", source=SimulatedSource())
DAY = date(2026, 1, 5)
ITEMS = 12
FOLDS = ("lineage", "fit", "eval")
UPDATES = np.array([0, 0, 0, 1, 1, 2, 2, 2, 5, 5, 6, 6])

# The item and the fold of each impression.
rows = st.lists(st.tuples(st.integers(0, ITEMS - 1), st.sampled_from(FOLDS)), max_size=40)
examples = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    # Each example publishes the day anew.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def impressions_of(log: list[tuple[int, str]]) -> pa.Table:
    """The id of an impression is its place in the log."""
    return pa.table(
        {
            "impression_id": pa.array([number for number, _ in enumerate(log)], pa.int64()),
            "item_id": pa.array([item for item, _ in log], pa.int64()),
            "fold": pa.array([fold for _, fold in log], pa.string()),
        }
    )


def publish(lake: Lake, impressions: pa.Table) -> None:
    partition = Partition("impressions", SCENARIO.name, DAY)
    with lake.attempt([partition]) as attempt:
        attempt.write_table("part-00000.parquet", impressions, row_group_size=3)
        attempt.publish(partition, inputs={})


def fake_ranker() -> Ranker:
    block = SimpleNamespace(updates=UPDATES)
    table = SimpleNamespace(block=lambda column: block)
    vocabularies = {"item_id": Vocabulary(pa.array(np.arange(ITEMS)))}
    parts = SimpleNamespace(fields=("user_id", "item_id"), table=table, vocabularies=vocabularies)
    return cast(Ranker, parts)


def placebo_of(
    lake: Lake,
    impressions: pa.Table,
    keys: NDArray[np.int64],
    keyed_by: Literal["item", "impression"],
) -> dict[int, float]:
    """For each key, the key whose vector it gets, where rows of two folds are to be scored."""
    publish(lake, impressions)
    vectors = keys.astype(np.float32)[:, None]
    table = FeatureTable(keyed_by, pa.array(keys, pa.int64()), vectors, None, False)
    folds = impressions["fold"].to_numpy(zero_copy_only=False)
    scored = impressions.filter(pa.array(folds != "fit"))
    updates = UPDATES[scored["item_id"].to_numpy()]
    day_rows = cast(DayRows, cast(Any, SimpleNamespace(rows=scored, item_updates=updates)))
    found = placebo_table(lake, SCENARIO, fake_ranker(), day_rows, table, DAY)
    assert found.vectors is not None
    return dict(zip(found.keys.to_pylist(), found.vectors[:, 0].tolist(), strict=True))


@given(log=rows, drawn=st.randoms(use_true_random=False))
@examples
def test_rows_of_items_do_not_depend_on_held_out_rows(
    lake: Lake, log: list[tuple[int, str]], drawn: Any
) -> None:
    """The table has an item because of a held-out click, or not; the log has the row, or not."""
    impressions = impressions_of(log)
    of_others = {item for item, fold in log if fold != "eval"}
    held_out = [item for item in range(ITEMS) if item not in of_others and drawn.random() < 0.5]
    keys = np.array(sorted({*of_others, *held_out}), np.int64)
    found = placebo_of(lake, impressions, keys, "item")
    others = impressions.filter(pa.array([fold != "eval" for _, fold in log], pa.bool_()))
    expected = placebo_of(lake, others, np.array(sorted(of_others), np.int64), "item")
    assert {key: found[key] for key in expected} == expected
    lenders = {item for item, fold in log if fold == "lineage"}
    assert set(found.values()) <= lenders
    assert all(key != other for key, other in found.items())


@given(log=rows)
@examples
def test_rows_of_impressions_do_not_depend_on_held_out_rows(
    lake: Lake, log: list[tuple[int, str]]
) -> None:
    impressions = impressions_of(log)
    others = impressions.filter(pa.array([fold != "eval" for _, fold in log], pa.bool_()))
    of_all, of_others = (
        placebo_of(lake, one, one["impression_id"].to_numpy(), "impression")
        for one in (impressions, others)
    )
    assert {key: of_all[key] for key in of_others} == of_others
    assert all(log[int(other)][1] == "lineage" for other in of_all.values())


@pytest.mark.parametrize("column", ["item_id", "impression_id"])
def test_lineage_keys_are_distinct(lake: Lake, column: str) -> None:
    log = [(3, "lineage"), (3, "lineage"), (4, "eval"), (5, "fit"), (6, "lineage"), (3, "eval")]
    publish(lake, impressions_of(log))
    expected = [3, 6] if column == "item_id" else [0, 1, 4]
    assert sorted(lineage_keys(lake, SCENARIO, DAY, column).to_pylist()) == expected


def test_a_day_without_rows_has_no_lineage_keys(lake: Lake) -> None:
    publish(lake, impressions_of([]))
    found = lineage_keys(lake, SCENARIO, DAY, "item_id")
    assert (len(found), found.type) == (0, pa.int64())
