"""The project in a notebook: read what is stored, compare scores, build reports.

These functions and the types that they return are the stable interface for Python; everything else
may change between versions. None of them starts Spark or trains anything. Tables are read from
``$LIS_LAKE``, as by the command ``lis``, unless another lake is given.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd

from jobs.common.day_range import DayRange
from jobs.evaluation import result_store
from jobs.evaluation.compare import compare_scores
from jobs.evaluation.predictions import predictions_partition, variant_name
from jobs.evaluation.result import Evaluation, LisResult
from jobs.evaluation.scored_day import BASELINE, LEAKED
from jobs.lake import Lake
from jobs.preference.leak import Leak
from jobs.scenarios import Mode, Scenario, load_scenario
from jobs.scenarios.hints import lis_command
from jobs.stages.report import write_report

__all__ = [
    "DayRange",
    "Evaluation",
    "Lake",
    "LisResult",
    "Scenario",
    "build_report",
    "compare_scores",
    "load_scenario",
    "read_predictions",
    "read_results",
]


def read_results(
    scenario: Scenario,
    first: date | None = None,
    last: date | None = None,
    *,
    lake: Lake | None = None,
) -> pd.DataFrame:
    """Read the stored results of a scenario, one row each.

    Args:
        scenario: The scenario, of all its ranker versions.
        first: Results of earlier days are left out.
        last: Results of later days are left out.
        lake: The lake to read; by default that of the environment.

    Returns:
        The columns of the ``lis`` table, see ``docs/figures.md``. ``as_of`` is a day, or
        ``first:last`` for a result pooled over days; ``slices`` is a list of dictionaries.
    """
    lake = lake or Lake.from_environment()
    results = result_store.read_results(lake, scenario.name, first, last)
    columns = result_store.result_columns()
    return pd.DataFrame([result.to_dict() for result in results], columns=columns)


def read_predictions(
    scenario: Scenario,
    as_of: date,
    preference: str,
    mode: Mode | str,
    horizon: int,
    *,
    lake: Lake | None = None,
) -> pd.DataFrame:
    """Read what a result was computed from: the scores of one day's rows.

    Args:
        scenario: The scenario.
        as_of: Evaluation day.
        preference: Kind of preference data, such as ``id_embedding``.
        mode: ``swap``, ``probe`` or ``retrain``.
        horizon: Days of leak.
        lake: The lake to read; by default that of the environment.

    Returns:
        One row for each impression, in the order of its time: impression_id, user_id, item_id,
        label, fold (``eval`` rows are held out), context fields, history_clicks, item_updates,
        covered (whether the leaked table covers the row), and the click probabilities
        ``baseline`` and ``treatment``, each the mean over seeds.

    Raises:
        InputError: If nothing is stored for these.
    """
    lake = lake or Lake.from_environment()
    leak = Leak(preference, horizon)
    partitions = [
        predictions_partition(scenario, as_of, variant_name(leak, mode, variant))
        for variant in (BASELINE, LEAKED)
    ]
    for partition in partitions:
        lake.require(
            partition,
            "run "
            + lis_command(
                "lis",
                scenario,
                as_of=as_of,
                horizons=horizon,
                preference=preference,
                mode=mode,
            ),
        )
    baseline, treatment = (lake.read(partition) for partition in partitions)
    rows = treatment.drop_columns(["score", "seed_scores"]).to_pandas()
    scores = {"baseline": baseline["score"], "treatment": treatment["score"]}
    return rows.assign(**{name: column.to_numpy() for name, column in scores.items()})


def build_report(
    scenario: Scenario, as_of: DayRange | date | str, *, lake: Lake | None = None
) -> Path:
    """Build the HTML report on the stored results of some days.

    Args:
        scenario: The scenario.
        as_of: A day, a range of days, or either as text: ``YYYY-MM-DD`` or ``first:last``.
        lake: The lake to read; by default that of the environment.

    Returns:
        Where the page lies.

    Raises:
        InputError: If no result is stored for these days, or the text is no day.
    """
    if isinstance(as_of, str):
        as_of = DayRange.parse(as_of)
    elif isinstance(as_of, date):
        as_of = DayRange.of_day(as_of)
    return write_report(lake or Lake.from_environment(), scenario, as_of)
