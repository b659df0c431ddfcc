"""Runs that MLflow draws as curves: LIS by horizon, and LIS by day.

Each has the metric ``lis`` and others at several steps: the days of leak, or the evaluation day
counted from 1970-01-01. A point's time is the day on which its future had arrived, or the
evaluation day, so that a chart over time has dates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from mlflow import MlflowClient
from mlflow.entities import Metric, Run

from jobs.evaluation.declared.decision import HEADLINE_NAME
from jobs.evaluation.result import LisResult
from jobs.lake.manifest import digest_of
from jobs.tracking import runs
from jobs.tracking.run_content import source_tags
from jobs.tracking.runs import KIND, NOTE, PARENT, Content, Kind, run_key

_COLUMNS = (
    HEADLINE_NAME,
    "lis_ci_low",
    "lis_ci_high",
    "leak_gain",
    "unleaked_gain",
    "placebo",
    "lis_seen",
    "auc_baseline",
    "auc_leaked",
)
"""Columns of a result that have a curve; ``lis`` is the first, and every result has it."""

_LAYOUT = 1
"""Raised when the content of curves changes, so that older runs are completed."""
_EPOCH = date(1970, 1, 1)
_HORIZON_NOTE = """\
LIS by days of leak: the step of each metric is the horizon n. On held-out rows it grows with n \
where more future tells the ranker more; `lis_seen` is the same on rows that the later ranker was \
trained on."""
_DAY_NOTE = """\
LIS by evaluation day. Choose *Time* as the x-axis: the step of each metric is the day, counted \
from 1970-01-01. Every daily run adds its point."""


@dataclass(frozen=True)
class _Curve:
    """Results of one preference and mode that differ in their step alone."""

    kind: Kind
    key: str
    name: str
    results: Sequence[LisResult]
    params: Mapping[str, str]
    tags: Mapping[str, str]

    def points(self) -> dict[tuple[str, int], Metric]:
        """Return the value of each column at each step that has one."""
        return {
            (column, _step(self.kind, result)): Metric(
                column, float(value), _milliseconds(self.kind, result), _step(self.kind, result)
            )
            for result in self.results
            for column in _COLUMNS
            if (value := getattr(result, column)) is not None and not math.isnan(value)
        }


def log_by_horizon(client: MlflowClient, parent: Run, results: Sequence[LisResult]) -> None:
    """Log LIS by horizon for each preference and mode below a parent run, if there are several.

    Call while holding the store's lock, as for ``log_by_day``.

    Args:
        client: Of the store.
        parent: The run of a date and ranker.
        results: All results below it.
    """
    for found in _grouped(results, lambda one: (one.preference, one.mode)):
        if len({result.horizon for result in found}) < 2:
            continue
        first = found[0]
        curve = _Curve(
            kind=Kind.BY_HORIZON,
            key=run_key(Kind.BY_HORIZON, parent.data.tags[runs.KEY], first.preference, first.mode),
            name=f"{first.preference} · {first.mode} · {first.as_of} · by horizon",
            results=found,
            params=_params(first) | {"as_of": first.as_of},
            tags={PARENT: parent.info.run_id, NOTE: _HORIZON_NOTE},
        )
        _log(client, parent.info.experiment_id, curve)


def log_by_day(client: MlflowClient, experiment_id: str, results: Iterable[LisResult]) -> None:
    """Add the results of single days to the curves over days.

    There is one for each ranker, preference, mode and horizon. It lasts from day to day.
    """
    single = [result for result in results if not result.is_pooled]
    for found in _grouped(single, _identity_over_days):
        first = found[0]
        curve = _Curve(
            kind=Kind.BY_DAY,
            key=run_key(Kind.BY_DAY, first.scenario, *_identity_over_days(first)),
            name=f"{first.preference} · n={first.horizon} · {first.mode} · by day",
            results=found,
            params=_params(first) | {"horizon": str(first.horizon)},
            tags={NOTE: _DAY_NOTE},
        )
        _log(client, experiment_id, curve)


def _log(client: MlflowClient, experiment_id: str, curve: _Curve) -> None:
    """Log the points that a curve lacks; where one has another value now, a new run replaces it.

    MLflow appends a value at a step that has one, and its chart would show both.
    """
    run = runs.open_run(client, experiment_id, curve.key, curve.name, {KIND: curve.kind})
    new, held = curve.points(), _held_points(client, run)
    if any(point in held and held[point].value != value.value for point, value in new.items()):
        client.delete_run(run.info.run_id)
        new, held = held | new, {}
        run = runs.open_run(client, experiment_id, curve.key, curve.name, {KIND: curve.kind})
    shown = sorted((name, step, metric.value) for (name, step), metric in (held | new).items())
    content = Content(
        digest=digest_of(_LAYOUT, shown, dict(curve.tags)),
        name=curve.name,
        params=curve.params,
        tags={**curve.tags, **source_tags(curve.results[-1])},
        points=[metric for point, metric in new.items() if point not in held],
    )
    runs.write(client, run.info.run_id, content)


def _held_points(client: MlflowClient, run: Run) -> dict[tuple[str, int], Metric]:
    return {
        (column, metric.step): Metric(column, metric.value, metric.timestamp, metric.step)
        for column in _COLUMNS
        if column in run.data.metrics
        for metric in client.get_metric_history(run.info.run_id, column)
    }


def _identity_over_days(result: LisResult) -> tuple[str, ...]:
    return (result.ranker_version, result.preference, result.mode, f"n={result.horizon}")


def _params(result: LisResult) -> dict[str, str]:
    return {
        "scenario": result.scenario,
        "preference": result.preference,
        "mode": result.mode,
        "ranker_version": result.ranker_version,
    }


def _step(kind: Kind, result: LisResult) -> int:
    return result.horizon if kind == Kind.BY_HORIZON else (result.last_day - _EPOCH).days


def _milliseconds(kind: Kind, result: LisResult) -> int:
    day = result.last_day
    if kind == Kind.BY_HORIZON:
        day += timedelta(days=result.horizon)
    return int(datetime.combine(day, time(), UTC).timestamp() * 1000)


def _grouped(
    results: Iterable[LisResult], identity: Callable[[LisResult], tuple[str, ...]]
) -> Iterable[list[LisResult]]:
    groups: dict[tuple[str, ...], list[LisResult]] = {}
    for result in results:
        groups.setdefault(identity(result), []).append(result)
    return groups.values()
