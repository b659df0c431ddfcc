"""The ``gate`` table: every decision on a kind of preference data for an evaluation day."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from jobs.gate.decide import GateDecision
from jobs.lake import Lake, Partition, schemas
from jobs.lake.addresses import gate_partition
from jobs.lake.manifest import digest_of
from jobs.scenarios import Scenario


def record_decision(lake: Lake, scenario: Scenario, decision: GateDecision) -> None:
    """Record a decision after those that were taken before for the same data and day.

    Recording the newest one again writes nothing. So a refusal stays where it is forced later.
    """
    partition = gate_partition(scenario, decision.preference, decision.as_of)
    row = _row(decision)
    # A decision is taken anew each time, so no digest of code could make a recorded one stale.
    inputs = {"decision": digest_of(row)}
    if _is_newest(lake, partition, inputs):
        return
    with lake.attempt([partition]) as attempt:
        before = lake.read(partition).to_pylist() if lake.is_published(partition) else []
        schema = schemas.gate()
        attempt.write_table(
            "part-00000.parquet", pa.Table.from_pylist([*before, row], schema=schema)
        )
        attempt.publish(partition, inputs=inputs, schema=schema)


def _is_newest(lake: Lake, partition: Partition, inputs: dict[str, str]) -> bool:
    manifest = lake.manifest(partition)
    return manifest is not None and dict(manifest.inputs) == inputs


def _row(decision: GateDecision) -> dict[str, Any]:
    """Return a decision by the columns of ``schemas.gate``."""
    columns: dict[str, Any] = {
        "as_of": decision.as_of.isoformat(),
        "preference": decision.preference,
        "ranker_version": decision.ranker_version,
        "decision": decision.outcome.value,
        "reason": decision.reason,
        "forced_because": decision.forced_because,
    }
    if decision.ground is not None:
        result = decision.ground.to_dict()
        columns |= {f"lis_{name}": result[name] for name in ("as_of", "horizon", "mode")}
        names = ("lis", "lis_ci_low", "lis_ci_high", "verdict", "leak_digest")
        columns |= {name: result[name] for name in names}
    return columns
