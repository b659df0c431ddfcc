"""How often an encoder that knows nothing seems to bring something: it should be one in twenty.

Run as ``python -m tests.benchmarks.placebo_encoder SCENARIO LAKE --as-of T[:T2] --aligned-at S
[--horizon N] [--seeds N] [--processes N]`` on a copy of a lake in which these days have a LIS. Each
seed is an encoder whose vectors are random, as long as the ranker's item embeddings, and stand in
for them: the head that aligned vectors have too. No process needs Spark.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial
from multiprocessing import get_context

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.ais.aligned_features import AlignedVectors
from jobs.common.day_range import DayRange, parse_day
from jobs.evaluation.figures import alignment_figures
from jobs.evaluation.measurement import Measurement
from jobs.evaluation.scored_day import ALIGNED
from jobs.lake import Lake, Partition, schemas
from jobs.lake.addresses import (
    VectorState,
    encoder_partition,
    feature_partition,
    vector_partition,
)
from jobs.lis.fitted_scorer import FittedScorer
from jobs.lis.probe import Probe
from jobs.preference import preference_kind
from jobs.preference.leak import Leak
from jobs.scenarios import Scenario, load_scenario
from jobs.stats.estimate import Estimate

KIND = "id_embedding"


@dataclass(frozen=True)
class Asked:
    """What every seed is scored on."""

    scenario: str
    lake: str
    days: DayRange
    aligned_at: date
    horizon: int


def score(asked: Asked, seed: int) -> tuple[Estimate, Estimate]:
    """AIS and LIS of an encoder with random vectors."""
    lake, scenario = Lake(asked.lake), load_scenario(asked.scenario)
    training = scenario.alignment.training.model_copy(update={"seed": seed})
    alignment = scenario.alignment.model_copy(update={"training": training})
    scenario = scenario.model_copy(update={"alignment": alignment})
    publish_placebo(lake, scenario, asked, seed)
    kinds = [preference_kind(KIND, scenario)]
    source = AlignedVectors(lake, scenario, kinds, asked.aligned_at)
    mode = Probe(scenario.fit.days)
    scorer = FittedScorer(lake, scenario, mode, source, [], asked.aligned_at)
    measurement, leak = Measurement(alignment_figures(), ALIGNED), Leak(KIND, asked.horizon)
    for day in asked.days.days:
        measurement.add(scorer.score_day(day, [leak])[leak])
    found = measurement.result(scenario.threshold, scenario.confidence).figures
    ais, lis = found["ais"], found["lis"]
    assert isinstance(ais, Estimate)
    assert isinstance(lis, Estimate)
    return ais, lis


def publish_placebo(lake: Lake, scenario: Scenario, asked: Asked, seed: int) -> None:
    """Publish an encoder without weights, and a random vector for every item, in both states."""
    table = lake.read(feature_partition(scenario, KIND, asked.days.last, asked.horizon))
    embeddings = np.array(table["embedding"].to_pylist(), np.float32)
    items = pa.concat_arrays(
        [
            lake.read(Partition("items", scenario.name, day), ["item_id"])["item_id"]
            .combine_chunks()
            .unique()
            for day in lake.days("items", scenario.name)
            if day <= asked.days.last
        ]
    )
    items = items.unique().take(pc.sort_indices(items.unique()))
    drawn = np.random.default_rng(seed).standard_normal((len(items), embeddings.shape[1]))
    vectors = (drawn * embeddings.std()).astype(np.float32)
    encoder = encoder_partition(scenario, KIND, asked.aligned_at)
    with lake.attempt([encoder]) as attempt:
        attempt.write_bytes("placebo.json", f"{seed}\n".encode())
        attempt.publish(encoder, inputs={}, facts={"in_slot": True})
    schema = schemas.item_vectors(scenario, vectors.shape[1])
    stored = pa.table(
        {
            "item_id": items,
            "embedding": pa.FixedSizeListArray.from_arrays(vectors.reshape(-1), vectors.shape[1]),
            "content": pa.array([""] * len(items)),
        }
    ).cast(schema)
    for state in VectorState:
        partition = vector_partition(scenario, KIND, asked.aligned_at, state, asked.days.last)
        with lake.attempt([partition]) as attempt:
            attempt.write_table("part-00000.parquet", stored)
            attempt.publish(partition, inputs={}, schema=schema)


def summary(found: Sequence[tuple[Estimate, Estimate]]) -> str:
    """How many intervals of the AIS contain 0, and the AIS of each seed."""
    covering = sum(ais.ci_low <= 0 <= ais.ci_high for ais, _ in found)
    exact = sum(ais.value == 0 for ais, _ in found)
    rows = [f"{ais.value:+.5f} ({ais.ci_low:+.5f} to {ais.ci_high:+.5f})" for ais, _ in found]
    return "\n".join(
        [
            *rows,
            f"{covering} of {len(found)} intervals contain 0; {exact} encoders were left out by "
            f"all towers. LIS of the same rows: {found[0][1].value:+.4f}",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario")
    parser.add_argument("lake")
    parser.add_argument("--as-of", type=DayRange.parse, required=True)
    parser.add_argument("--aligned-at", type=parse_day, required=True)
    parser.add_argument("--horizon", type=int, default=14)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    asked = Asked(
        options.scenario, options.lake, options.as_of, options.aligned_at, options.horizon
    )
    with ProcessPoolExecutor(options.processes, get_context("spawn")) as pool:
        found = list(pool.map(partial(score, asked), range(options.seeds)))
    sys.stdout.write(f"{summary(found)}\n")


if __name__ == "__main__":
    main()
