"""A synthetic log of clicks, as the lake of our trainer and as plain files for its peers.

Ids follow Zipf's law, labels a hidden factor model. Our trainer reads impressions and histories
of the lake, ids as they are. Peers get the rows that train and the rows that are held out each in
a file of its own, ids already replaced by row numbers: a head start.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from jobs.lake import Lake, Partition, schemas
from jobs.scenarios import Scenario

FIELDS = ("user_id", "item_id", "c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7")
SHARES = (0.5, 0.3, 0.1, 0.05, 0.025, 0.0125, 0.00625, 0.003, 0.002, 0.00125)
"""Share of each field in the vocabulary."""

HISTORY_CLICKS = 20
EVAL_SHARE = 0.1
FIRST_DAY = date(2026, 1, 1)
_PART_ROWS = 1 << 20
_FACTORS = 4


@dataclass(frozen=True)
class LogOptions:
    """rows: of each day. vocabulary: ids of all fields together. zipf: exponent of the ids."""

    rows: tuple[int, ...] = (131_072, 1_000_000)
    vocabulary: int = 367_000
    zipf: float = 1.05
    seed: int = 0

    @property
    def sizes(self) -> tuple[int, ...]:
        """Ids of each field."""
        return tuple(max(2, round(share * self.vocabulary)) for share in SHARES)

    @property
    def days(self) -> tuple[date, ...]:
        return tuple(FIRST_DAY + timedelta(days=day) for day in range(len(self.rows)))


@dataclass(frozen=True)
class Impressions:
    """Rows of a day. codes: int64, (rows, fields), rank of the id in its field. ts: int64, µs."""

    codes: NDArray[np.int64]
    labels: NDArray[np.int8]
    held_out: NDArray[np.bool_]
    ts: NDArray[np.int64]


def scenario_of(history_length: int = 0, precision: str = "auto", seed: int = 0) -> Scenario:
    """The ranker that everyone trains: DCNv2, 16 dimensions, 3 cross layers, MLP 256-128."""
    context = FIELDS[2:]
    columns = {"user_id": "user_id", "item_id": "item_id", "ts": "ts", "label": "label"}
    return Scenario.model_validate(
        {
            "name": "benchmark",
            "source": {
                "reader": "table",
                "ids": "int64",
                "columns": {
                    **columns,
                    "impression_id": "impression_id",
                    "context": {field: field for field in context},
                },
            },
            "context": context,
            "folds": {"lineage": 1 - EVAL_SHARE, "fit": 0, "eval": EVAL_SHARE},
            "history_length": HISTORY_CLICKS,
            "ranker": {
                "embedding_dim": 16,
                "cross_layers": 3,
                "hidden_units": [256, 128],
                "batch_size": 4096,
                "epochs": 1,
                "embedding_rate": 0.05,
                "dense_rate": 0.001,
                "embedding_decay": 0.0,
                # The peers have no such inputs.
                "statistics": False,
                "history_length": history_length,
                "precision": precision,
                "seed": seed,
            },
        }
    )


def ids(field: str, codes: NDArray[np.int64]) -> pa.Array:
    """The id of each code: numbers for users and items, text for the other fields."""
    if field in ("user_id", "item_id"):
        return pa.array(codes * 7919 + 11)
    return pa.array(codes).cast(pa.string())


def days_of(options: LogOptions) -> Iterator[tuple[date, Impressions]]:
    """The log, day by day."""
    generator = np.random.default_rng(options.seed)
    clicks = _ClickLikelihood(options, generator)
    for day, rows in zip(options.days, options.rows, strict=True):
        yield day, _draw(day, rows, options, clicks, generator)


def write_log(folder: Path, options: LogOptions) -> None:
    """Publish every day in ``folder/lake`` and write the last one to ``folder/train.parquet`` etc.

    All days but the last go to ``warm.parquet``, the last one's held-out rows to ``eval.parquet``.
    """
    lake, scenario = Lake(str(folder / "lake")), scenario_of()
    first = 0
    for day, impressions in days_of(options):
        _publish(lake, scenario, day, impressions, first)
        last = day == options.days[-1]
        trains = ~impressions.held_out
        _write_codes(folder / ("train.parquet" if last else "warm.parquet"), impressions, trains)
        if last:
            _write_codes(folder / "eval.parquet", impressions, impressions.held_out)
        first += len(impressions.ts)


class _ClickLikelihood:
    """A factorisation machine with random weights: what every ranker tries to learn."""

    def __init__(self, options: LogOptions, generator: np.random.Generator) -> None:
        self.bias = [generator.normal(scale=0.4, size=size) for size in options.sizes]
        self.factors = [
            generator.normal(scale=0.45, size=(size, _FACTORS)).astype(np.float32)
            for size in options.sizes
        ]

    def __call__(self, codes: NDArray[np.int64]) -> NDArray[np.float64]:
        logit = np.full(len(codes), -0.5)
        total = np.zeros((len(codes), _FACTORS), np.float32)
        squares = np.zeros((len(codes), _FACTORS), np.float32)
        for field, column in enumerate(codes.T):
            vectors = self.factors[field][column]
            logit += self.bias[field][column]
            total += vectors
            squares += vectors**2
        logit += (total**2 - squares).sum(axis=1) / 2
        chance: NDArray[np.float64] = 1 / (1 + np.exp(-logit))
        return chance


def _draw(
    day: date,
    rows: int,
    options: LogOptions,
    clicks: _ClickLikelihood,
    generator: np.random.Generator,
) -> Impressions:
    columns = [_zipf(size, rows, options.zipf, generator) for size in options.sizes]
    codes = np.stack(columns, axis=1)
    start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1e6)
    return Impressions(
        codes,
        (generator.random(rows) < clicks(codes)).astype(np.int8),
        generator.random(rows) < EVAL_SHARE,
        start + np.sort(generator.integers(0, 86_400_000_000, rows)),
    )


def _zipf(
    size: int, rows: int, exponent: float, generator: np.random.Generator
) -> NDArray[np.int64]:
    weights = np.cumsum(np.arange(1, size + 1, dtype=np.float64) ** -exponent)
    return np.searchsorted(weights / weights[-1], generator.random(rows)).astype(np.int64)


def _publish(
    lake: Lake, scenario: Scenario, day: date, impressions: Impressions, first: int
) -> None:
    for name, tables in (
        ("impressions", _impression_tables(scenario, impressions, first)),
        ("history", _history_tables(scenario, impressions, first)),
    ):
        partition = Partition(name, scenario.name, day)
        with lake.attempt([partition]) as attempt:
            for number, table in enumerate(tables):
                attempt.write_table(f"part-{number:05}.parquet", table)
            schema = getattr(schemas, name)(scenario)
            attempt.publish(partition, inputs={}, schema=schema)


def _impression_tables(
    scenario: Scenario, impressions: Impressions, first: int
) -> Iterator[pa.Table]:
    schema = schemas.impressions(scenario)
    for part in _parts(len(impressions.ts)):
        columns = {field: ids(field, impressions.codes[part, n]) for n, field in enumerate(FIELDS)}
        columns["impression_id"] = pa.array(np.arange(part.start, part.stop) + first)
        columns["ts"] = pa.array(impressions.ts[part], schema.field("ts").type)
        columns["label"] = pa.array(impressions.labels[part])
        columns["fold"] = pa.array(np.where(impressions.held_out[part], "eval", "lineage"))
        yield pa.table([columns[name] for name in schema.names], schema=schema)


def _history_tables(scenario: Scenario, impressions: Impressions, first: int) -> Iterator[pa.Table]:
    """Last clicks of the same user before each row, those of the day's own earlier rows alone."""
    schema = schemas.history(scenario)
    users, items = impressions.codes[:, 0], impressions.codes[:, 1]
    order = np.argsort(users, kind="stable")
    clicked = (impressions.labels[order] == 1) & ~impressions.held_out[order]
    before = np.cumsum(clicked) - clicked
    begins = np.searchsorted(users[order], users[order])
    stop, start = np.empty_like(order), np.empty_like(order)
    stop[order], start[order] = before, np.maximum(before[begins], before - HISTORY_CLICKS)
    clicked_items = ids("item_id", items[order][clicked])
    for part in _parts(len(users)):
        lengths = stop[part] - start[part]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        position = np.arange(offsets[-1]) + np.repeat(start[part] - offsets[:-1], lengths)
        lists = pa.ListArray.from_arrays(
            pa.array(offsets, pa.int32()), clicked_items.take(position)
        )
        number = pa.array(np.arange(part.start, part.stop) + first)
        ts = pa.array(impressions.ts[part], schema.field("ts").type)
        yield pa.table([number, ts, lists, lists], schema=schema)


def _write_codes(path: Path, impressions: Impressions, kept: NDArray[np.bool_]) -> None:
    columns = {
        field: pa.array(impressions.codes[kept, number]) for number, field in enumerate(FIELDS)
    }
    columns["label"] = pa.array(impressions.labels[kept].astype(np.float32))
    pq.write_table(pa.table(columns), path, compression="zstd", row_group_size=1 << 17)


def _parts(rows: int) -> Iterator[slice]:
    for start in range(0, rows, _PART_ROWS):
        yield slice(start, min(start + _PART_ROWS, rows))
