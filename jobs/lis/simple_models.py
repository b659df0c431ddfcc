"""Popularity and a logistic regression on counts: what every ranker has to be better than.

Both know the table ``statistics`` alone: impressions and clicks of the lineage fold before each
row. A ranker that orders held-out rows worse than they do has not learnt what the log holds, and
its LIS measures what it missed. No row of the fit or the eval fold has a part in either.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import threadpoolctl
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from jobs.common.code_digest import code_digest
from jobs.evaluation.predictions import (
    predictions_partition,
    publish_predictions,
    read_seed_scores,
    seed_scores,
)
from jobs.evaluation.scored_day import LOGISTIC, POPULARITY
from jobs.lake import Lake, Manifest, Partition
from jobs.lake.manifest import digest_of
from jobs.ranker.model.wide_and_deep import statistic_columns
from jobs.ranker.rows.read_day import SEEN_ROWS, Chunk, read_day
from jobs.ranker.rows.row_attributes import no_row_attributes, row_attributes
from jobs.ranker.rows.statistics import dense_statistics
from jobs.scenarios import ITEM, USER, Fold, Scenario
from jobs.scenarios.hints import ingest_command

log = logging.getLogger("jobs")

WINDOW = "28d"
"""The window whose rates are popularity, and the days that the regression is trained on."""
MOST_DAYS, FEWEST_DAYS = 28, 7
MOST_ROWS = 200_000
"""Training rows of the regression: of days before T, the newest first."""
SCORED_FOLDS = (Fold.EVAL, Fold.LINEAGE)

Floats = NDArray[np.float64]
_COUNTED = ("impressions", "statistics")


@dataclass(frozen=True, eq=False)
class CountedRows:
    """Rows with their statistics, as ``dense_statistics`` gives them.

    Attributes:
        statistics: float32, (rows, width).
        labels: int8, (rows,).
    """

    statistics: NDArray[np.float32]
    labels: NDArray[np.int8]


class SimpleModels:
    """Scores of both models for one day after the other.

    Scores are published once a day as ``predictions``, and read back while nothing that they come
    from has changed. Training rows of a past day are read once while days move forward.
    """

    def __init__(self, lake: Lake, scenario: Scenario) -> None:
        """Start with nothing read.

        Args:
            lake: Where rows and statistics are stored, and predictions published.
            scenario: The scenario to score.
        """
        self._lake, self._scenario = lake, scenario
        self._counted_days = lake.days("statistics", scenario.name)
        self._manifests: dict[Partition, Manifest] = {}
        self._before: dict[date, CountedRows] = {}

    def scores(self, day: date) -> Mapping[str, Floats]:
        """Return click probabilities by model, (rows,), for the rows that a ranker scores.

        These are the rows of ``read_day`` in ``SCORED_FOLDS`` with ``SEEN_ROWS``, in its order.

        Raises:
            InputError: If the day has no statistics; the message names the command.
        """
        inputs = self.inputs(day)
        names = (POPULARITY, LOGISTIC)
        partitions = {name: predictions_partition(self._scenario, day, name) for name in names}
        stored = {
            name: table
            for name, partition in partitions.items()
            if (table := read_seed_scores(self._lake, partition, inputs)) is not None
        }
        if len(stored) == len(names):
            return {name: seed_scores(table, 1)[0] for name, table in stored.items()}
        return self._score(day, inputs)

    def training_days(self, day: date) -> list[date]:
        """Return the days before T that the regression is trained on, ascending.

        They are the newest that have ``MOST_ROWS`` rows together, but at least a week, which has
        every weekday, and at most ``MOST_DAYS``.
        """
        first = day - timedelta(days=MOST_DAYS)
        days: list[date] = []
        rows = 0
        for past in reversed(self._counted_days):
            if past < first or (rows >= MOST_ROWS and past < day - timedelta(days=FEWEST_DAYS)):
                break
            if past < day:
                days.append(past)
                rows += self._rows_of(past)
        return days[::-1]

    def _rows_of(self, day: date) -> int:
        rows = self._manifest("statistics", day).rows * self._scenario.folds.lineage
        return min(round(rows), MOST_ROWS // FEWEST_DAYS)

    def inputs(self, day: date) -> Mapping[str, str]:
        """Return the digests of what the scores of a day are made from."""
        before = [self._digests(past, _COUNTED) for past in self.training_days(day)]
        # Published rows say how long their click history is.
        length = self._scenario.ranker.history_length
        return {
            "rows": digest_of(self._digests(day, ("history", *_COUNTED)), length),
            "training": digest_of(before),
            "code": code_digest(__name__),
        }

    def _digests(self, day: date, tables: Sequence[str]) -> list[str]:
        return [self._manifest(table, day).digest for table in tables]

    def _manifest(self, table: str, day: date) -> Manifest:
        name = self._scenario.name
        partition = Partition(table, name, day)
        if partition not in self._manifests:
            remedy = f"run {ingest_command(self._scenario, start=day, end=day)}"
            self._manifests[partition] = self._lake.require(partition, remedy)
        return self._manifests[partition]

    def _score(self, day: date, inputs: Mapping[str, str]) -> Mapping[str, Floats]:
        lake, scenario = self._lake, self._scenario
        model = LogisticModel.fitted(self.training_rows(day))
        if model.is_constant:
            log.warning(
                "%s %s: the logistic regression has no training rows of both classes, and gives "
                "every row the score %.4f",
                scenario.name,
                day,
                model.base_rate,
            )
        rows: list[pa.RecordBatch] = []
        shown = [np.empty(0, np.int64)]
        parts: dict[str, list[Floats]] = {POPULARITY: [np.empty(0)], LOGISTIC: [np.empty(0)]}
        # A ranker need not read statistics; these models do.
        counted = _with_ranker(scenario, statistics=True)
        for chunk in read_day(lake, counted, day, SCORED_FOLDS, SEEN_ROWS):
            statistics = _statistics(chunk)
            dense = dense_statistics(statistics, scenario.fields)
            rows.append(row_attributes(scenario, chunk))
            shown.append(statistics[f"{ITEM}_impressions_ever"].to_numpy())
            parts[POPULARITY].append(popularity(statistics, dense, scenario.fields))
            parts[LOGISTIC].append(model.scores(dense))
        scores = {name: np.concatenate(of_chunks) for name, of_chunks in parts.items()}
        item_impressions = np.concatenate(shown)
        # Neither has a ranker or a leaked table: the columns say what they know of the item.
        publish_predictions(
            lake,
            scenario,
            day,
            pa.Table.from_batches(rows) if rows else no_row_attributes(scenario),
            item_impressions,
            {name: (values[None], item_impressions > 0) for name, values in scores.items()},
            inputs,
        )
        return scores

    def training_rows(self, day: date) -> Sequence[CountedRows]:
        """Return the rows of the training days of T, by day, oldest first."""
        days = self.training_days(day)
        self._before = {past: rows for past, rows in self._before.items() if past in days}
        for past in days:
            if past not in self._before:
                self._before[past] = counted_rows(self._lake, self._scenario, past)
        return [self._before[past] for past in days]


def counted_rows(
    lake: Lake, scenario: Scenario, day: date, most_rows: int = MOST_ROWS // FEWEST_DAYS
) -> CountedRows:
    """Read the lineage rows of a day; of a long day a sample, the same on every call.

    Args:
        lake: Where the rows are stored.
        scenario: Their scenario.
        day: The day.
        most_rows: Rows to keep of a longer day, approximately.
    """
    counted = _with_ranker(scenario, statistics=True, history_length=0)
    chunks = read_day(lake, counted, day, (Fold.LINEAGE,), most_rows)
    width = len(statistic_columns(scenario.fields))
    statistics, labels = [np.empty((0, width), np.float32)], [np.empty(0, np.int8)]
    for chunk in chunks:
        statistics.append(dense_statistics(_statistics(chunk), scenario.fields))
        labels.append(chunk.impressions["label"].to_numpy())
    return CountedRows(np.concatenate(statistics), np.concatenate(labels))


def popularity(
    statistics: pa.RecordBatch, dense: NDArray[np.float32], fields: Sequence[str]
) -> Floats:
    """Return click probabilities from the rates of item and context fields, (rows,).

    The log-odds are those of the log, plus what each field's rate of the last 28 days, smoothed,
    differs from it.

    Args:
        statistics: Rows of the table ``statistics``.
        dense: The same as ``dense_statistics`` gives them, (rows, width).
        fields: The fields of the ranker.
    """
    names = statistic_columns(fields)
    columns = [names.index(f"{field}_rate_{WINDOW}") for field in fields if field != USER]
    clicks = statistics["clicks_ever"].to_numpy().astype(np.float64)
    rate = (clicks + 1) / (statistics["impressions_ever"].to_numpy() + 2)
    log_odds = np.log(rate / (1 - rate)) + dense[:, columns].astype(np.float64).sum(axis=1)
    return np.asarray(1 / (1 + np.exp(-log_odds)))


@dataclass(frozen=True, eq=False)
class LogisticModel:
    """A logistic regression on standardised statistics, or where none can be fitted a constant.

    Attributes:
        base_rate: Share of clicks among the training rows; one half where there are none.
        model: The regression; None without training rows of both classes.
    """

    base_rate: float
    model: Pipeline | None

    @classmethod
    def fitted(cls, days: Sequence[CountedRows]) -> LogisticModel:
        """Fit to the rows of some days, oldest first."""
        if not sum(len(rows.labels) for rows in days):
            return cls(0.5, None)
        labels = np.concatenate([rows.labels for rows in days])
        base_rate = float(labels.mean())
        if base_rate in (0, 1):
            return cls(base_rate, None)
        statistics = np.concatenate([rows.statistics for rows in days]).astype(np.float64)
        # Rows are many and columns few, and windows overlap: Newton's steps need no more than ten.
        regression = LogisticRegression(solver="newton-cholesky", tol=1e-6)
        model = make_pipeline(StandardScaler(copy=False), regression)
        # Sums in the order of one thread: the same bits whatever the machine has.
        with threadpoolctl.threadpool_limits(limits=1):
            model.fit(statistics, labels)
        return cls(base_rate, model)

    @property
    def is_constant(self) -> bool:
        return self.model is None

    def scores(self, dense: NDArray[np.float32]) -> Floats:
        """Return click probabilities, (rows,)."""
        if self.model is None or not len(dense):
            return np.full(len(dense), self.base_rate)
        with threadpoolctl.threadpool_limits(limits=1):
            return np.asarray(self.model.predict_proba(dense.astype(np.float64))[:, 1])


def _with_ranker(scenario: Scenario, **options: object) -> Scenario:
    """The scenario with other options of what ``read_day`` reads."""
    ranker = scenario.ranker.model_copy(update=options)
    return scenario.model_copy(update={"ranker": ranker})


def _statistics(chunk: Chunk) -> pa.RecordBatch:
    if chunk.statistics is None:
        raise ValueError("rows were read without their statistics")
    return chunk.statistics
