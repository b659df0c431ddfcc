"""A result records the worst answer of all inputs of its rankers."""

from __future__ import annotations

import pytest

from jobs.lis.fitted_modes import eval_rows_seen
from jobs.preference import preference_kind
from jobs.preference.kind import EvalRowsSeen
from jobs.scenarios import ImportedSnapshots, PreferenceTable, Scenario, SimulatedSource


def table(name: str, seen: EvalRowsSeen) -> PreferenceTable:
    return PreferenceTable(name=name, path="none.parquet", vector="v", eval_rows_seen=seen)


CUSTOM = (table("clean", "no"), table("doubtful", "unknown"), table("dirty", "yes"))


@pytest.mark.parametrize(
    ("leaked", "side_information", "expected"),
    [
        ("id_embedding", (), "no"),
        ("doubtful", (), "unknown"),
        ("dirty", (), "yes"),
        ("id_embedding", ("clean",), "no"),
        ("id_embedding", ("clean", "doubtful"), "unknown"),
        ("doubtful", ("dirty",), "yes"),
        ("dirty", ("clean", "doubtful"), "yes"),
    ],
)
@pytest.mark.parametrize("imported", [None, "no", "unknown", "yes"])
def test_the_worst_answer_of_all_inputs_is_recorded(
    leaked: str,
    side_information: tuple[str, ...],
    expected: EvalRowsSeen,
    imported: EvalRowsSeen | None,
) -> None:
    scenario = Scenario(name="tiny", source=SimulatedSource(), custom_preferences=CUSTOM)
    ranker = scenario.ranker.model_copy(update={"side_information": side_information})
    snapshots = imported and ImportedSnapshots(path="{ds}.parquet", eval_rows_seen=imported)
    scenario = scenario.model_copy(update={"ranker": ranker, "snapshots": snapshots})
    found = eval_rows_seen(scenario, preference_kind(leaked, scenario))
    order = ["no", "unknown", "yes"]
    assert found == max(expected, imported or "no", key=order.index)
