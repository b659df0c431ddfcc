import dataclasses
import json
import math
from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.evaluation.figures import all_figures
from jobs.evaluation.result import LisResult, Slice
from jobs.evaluation.result_store import (
    read_results,
    result_columns,
    result_partition,
    result_schema,
    store_result,
    stored_result,
)
from jobs.lake import Lake, Partition
from jobs.stats.estimate import Estimate

INPUTS = {"data": "abc", "table": "def"}
FLOATS = [field.name for field in dataclasses.fields(LisResult) if str(field.type) == "float"] + [
    column for figure in all_figures() if not figure.is_count for column in figure.columns
]


def make_result(**changes: Any) -> LisResult:
    values: dict[str, Any] = {
        "scenario": "tiny",
        "as_of": "2026-01-31",
        "horizon": 7,
        "preference": "id_embedding",
        "mode": "swap",
        "seeds": 1,
        "rows": 20,
        "users": 9,
        "positives": 4,
        "verdict": "inconclusive",
        "rows_needed": 1_000,
        "slices": (),
        "ranker_version": "ranker-1",
        "data_digest": "d",
        "leak_digest": "e",
        "code_version": "1.0",
    }
    floats = {name: 0.1 * position for position, name in enumerate(FLOATS)}
    columns = {**floats, **values, **changes}
    columns["slices"] = [part.to_dict() for part in columns["slices"]]
    return LisResult.from_dict(columns)


def partition_of(result: LisResult) -> Partition:
    first = date.fromisoformat(result.as_of.split(":")[0])
    return result_partition(
        result.scenario,
        result.ranker_version,
        first,
        result.last_day,
        result.preference,
        result.mode,
        result.horizon,
    )


def store(lake: Lake, result: LisResult, **inputs: str) -> Partition:
    partition = partition_of(result)
    store_result(lake, partition, result, inputs or INPUTS)
    return partition


def assert_same(one: LisResult, other: LisResult) -> None:
    """Equal, where a NaN is equal to a NaN."""
    assert repr(one) == repr(other)


any_float = st.floats(allow_infinity=False)
slices = st.lists(
    st.builds(
        Slice,
        name=st.just("item updates before T"),
        value=st.text("0123456789-+", max_size=5),
        rows=st.integers(0, 2**62),
        users=st.integers(0, 2**62),
        estimate=st.builds(Estimate, any_float, any_float, any_float),
        p_value=any_float,
        stands_out=st.booleans(),
    ),
    max_size=3,
).map(tuple)


@given(st.fixed_dictionaries(dict.fromkeys(FLOATS, any_float)), slices, st.none() | st.just(5))
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    # Each example replaces the last in one lake, which is part of what is tested.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_a_result_is_read_as_it_was_stored(
    lake: Lake, floats: dict[str, float], parts: tuple[Slice, ...], rows_needed: int | None
) -> None:
    result = make_result(**floats, slices=parts, rows_needed=rows_needed)
    found = stored_result(lake, store(lake, result), INPUTS, LisResult)
    assert found is not None
    assert_same(found, result)


def test_a_result_without_any_figure_is_read_as_it_was_stored(lake: Lake) -> None:
    nothing = dict.fromkeys(FLOATS, math.nan)
    part = Slice("item updates before T", "0", 1, 1, Estimate())
    result = make_result(**nothing, slices=(part,), rows_needed=None)
    found = stored_result(lake, store(lake, result), INPUTS, LisResult)
    assert found is not None
    assert_same(found, result)
    assert found.rows_needed is None


def test_equal_results_have_equal_bytes_however_long_they_took(lake: Lake) -> None:
    digests = set()
    for seconds in (1.5, 90.25):
        partition = store(lake, make_result(seconds=seconds))
        manifest = lake.manifest(partition)
        assert manifest is not None
        digests.add(manifest.digest)
        assert [result.seconds for result in read_results(lake, "tiny")] == [seconds]
    assert len(digests) == 1


def test_the_time_of_a_result_stored_by_an_earlier_version_is_read(lake: Lake) -> None:
    result = make_result(seconds=2.5)
    partition = partition_of(result)
    with lake.attempt([partition]) as attempt:
        table = pa.Table.from_pylist([result.to_dict()])
        attempt.write_table("part-00000.parquet", table)
        attempt.publish(partition, inputs=INPUTS)
    found = stored_result(lake, partition, INPUTS, LisResult)
    assert found is not None
    assert found.seconds == 2.5


def test_a_result_survives_json() -> None:
    result = make_result(
        lis=math.nan, rows_needed=None, slices=(Slice("a", "b", 1, 1, Estimate(0, 0, 0)),)
    )
    assert "NaN" not in result.to_json()
    assert_same(LisResult.from_dict(json.loads(result.to_json())), result)


@pytest.mark.parametrize(
    "inputs", [{}, {"data": "abc"}, {"data": "abc", "table": "new"}, {**INPUTS, "more": "x"}]
)
def test_a_result_made_from_something_else_is_not_read_back(
    lake: Lake, inputs: dict[str, str]
) -> None:
    partition = store(lake, make_result())
    assert stored_result(lake, partition, inputs, LisResult) is None
    assert stored_result(lake, partition, dict(reversed(INPUTS.items())), LisResult) is not None


def test_an_empty_table_has_no_results(lake: Lake) -> None:
    assert stored_result(lake, partition_of(make_result()), INPUTS, LisResult) is None
    assert read_results(lake, "tiny") == []


def test_the_newest_result_replaces_the_one_before(lake: Lake) -> None:
    store(lake, make_result(lis=0.1), data="old")
    partition = store(lake, make_result(lis=0.2), data="new")
    assert stored_result(lake, partition, {"data": "old"}, LisResult) is None
    assert [result.lis for result in read_results(lake, "tiny")] == [0.2]


def test_results_lie_by_last_day_and_the_pooled_name_their_first() -> None:
    single = partition_of(make_result())
    pooled = partition_of(make_result(as_of="2026-01-01:2026-01-31"))
    below = (
        "lis/scenario=tiny/ds=2026-01-31/ranker=ranker-1/preference=id_embedding/mode=swap/"
        "horizon=7"
    )
    assert single.path == below
    assert pooled.path == f"{below}/pooled_from=2026-01-01"


def test_results_come_single_days_first_by_day_and_horizon_as_numbers(lake: Lake) -> None:
    stored = [
        ("2026-01-30:2026-01-31", 7),
        ("2026-01-31", 30),
        ("2026-01-31", 7),
        ("2026-01-30", 30),
        ("2026-01-29:2026-01-31", 7),
    ]
    for as_of, horizon in stored:
        store(lake, make_result(as_of=as_of, horizon=horizon))
    store(lake, make_result(scenario="other"))
    found = [(result.as_of, result.horizon) for result in read_results(lake, "tiny")]
    assert found == [
        ("2026-01-30", 30),
        ("2026-01-31", 7),
        ("2026-01-31", 30),
        ("2026-01-29:2026-01-31", 7),
        ("2026-01-30:2026-01-31", 7),
    ]


def test_results_of_two_rankers_are_stored_separately(lake: Lake) -> None:
    for version in ("ranker-2", "ranker-1"):
        store(lake, make_result(ranker_version=version))
    found = read_results(lake, "tiny")
    assert [result.ranker_version for result in found] == ["ranker-1", "ranker-2"]


def test_columns_of_the_table_are_those_of_json(lake: Lake) -> None:
    result = make_result()
    assert set(result_columns()) == result.to_dict().keys()
    assert lake.read(store(lake, result)).schema.equals(result_schema())


def test_a_result_written_before_a_field_existed_is_read_without_it() -> None:
    content = make_result(slices=(Slice("a", "b", 1, 1, Estimate(0, 0, 0), 0.5, True),)).to_dict()
    del content["placebo"], content["eval_rows_seen"], content["slices"][0]["stands_out"]
    del content["dates"], content["dates_skipped"], content["dates_closed"]
    del content["verdict_reason"], content["looks"], content["auc_ranker"]
    del content["effective_users"], content["verdict_p_value"]
    result = LisResult.from_dict(content)
    assert (result.dates, result.dates_skipped, result.dates_closed) == (1, 0, 0)
    assert (result.verdict_reason, result.looks) == ("", 1)
    assert math.isnan(result.auc_ranker)
    assert math.isnan(result.placebo)
    assert result.eval_rows_seen == "no"
    assert not result.slices[0].stands_out


def test_results_of_a_range_lie_in_it_with_all_their_days(lake: Lake) -> None:
    singles = ("2026-01-29", "2026-01-30", "2026-01-31", "2026-02-01")
    for as_of in (*singles, "2026-01-29:2026-01-31", "2026-01-30:2026-01-31"):
        store(lake, make_result(as_of=as_of))
    found = read_results(lake, "tiny", date(2026, 1, 30), date(2026, 1, 31))
    assert [result.as_of for result in found] == [
        "2026-01-30",
        "2026-01-31",
        "2026-01-30:2026-01-31",
    ]
    through = read_results(lake, "tiny", None, date(2026, 1, 30))
    assert [result.as_of for result in through] == ["2026-01-29", "2026-01-30"]
