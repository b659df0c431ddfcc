"""The table of decisions: every one is kept, and the same one is written once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from jobs.gate.decide import gate_decision
from jobs.gate.record import record_decision
from jobs.lake import Lake, schemas
from jobs.lake.addresses import gate_partition, ranker_version
from tests.jobs.gate.stored_scores import OPEN, WORTH, score, store
from tests.jobs.tracking.sample_results import SCENARIO

DAY = date(2026, 2, 1)
PARTITION = gate_partition(SCENARIO, "id_embedding", DAY)


def decide(lake: Lake, force: str | None = None) -> None:
    record_decision(lake, SCENARIO, gate_decision(lake, SCENARIO, "id_embedding", DAY, force))


def rows(lake: Lake) -> list[dict[str, Any]]:
    table = lake.read(PARTITION)
    assert table.schema == schemas.gate()
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def test_a_refusal_and_the_reason_that_forces_it_are_both_kept(lake: Lake) -> None:
    store(lake, score(OPEN))
    decide(lake)
    decide(lake, "the ads team\n  asks for it")
    refused, forced = rows(lake)
    assert (refused["decision"], refused["forced_because"]) == ("refused", "")
    assert (forced["decision"], forced["forced_because"]) == (
        "forced",
        "the ads team asks for it",
    )
    for row in (refused, forced):
        assert row["ranker_version"] == ranker_version(SCENARIO)
        assert row["verdict"] == "inconclusive"
        assert (row["lis_as_of"], row["lis_horizon"], row["lis_mode"]) == ("2026-02-01", 7, "swap")
        assert row["lis_ci_low"] < row["lis"] < row["lis_ci_high"]
        assert row["leak_digest"] == "e" * 64


def test_a_refusal_without_a_result_is_recorded(lake: Lake) -> None:
    decide(lake)
    (row,) = rows(lake)
    assert (row["decision"], row["lis"], row["verdict"]) == ("refused", None, None)


def test_the_same_decisions_have_the_same_bytes_and_one_is_written_once(
    tmp_path: Path, published_bytes: Callable[..., dict[str, bytes]]
) -> None:
    lakes = [Lake(str(tmp_path / name)) for name in ("first", "second")]
    for lake in lakes:
        store(lake, score(OPEN))
        decide(lake)
        decide(lake, "it is cheap")
    first, second = (published_bytes(lake, "gate") for lake in lakes)
    assert first == second
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "first").rglob("*")}
    decide(lakes[0], "it is cheap")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "first").rglob("*")} == before


def test_a_better_result_is_a_decision_of_its_own(lake: Lake) -> None:
    store(lake, score(OPEN))
    decide(lake)
    store(lake, score(WORTH, horizon=30))
    decide(lake)
    assert [row["decision"] for row in rows(lake)] == ["refused", "passed"]
