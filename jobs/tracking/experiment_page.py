"""What MLflow shows of an experiment: its description, and views of its runs that need no set-up.

MLflow's page of an experiment opens on generative AI, and lists runs without a metric. A saved view
is a tag of the experiment: the columns, filter, order and chart axis of its list of runs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from mlflow import MlflowClient

from jobs.common.markdown import plain
from jobs.evaluation.declared.decision import HEADLINE_NAME
from jobs.evaluation.result import Subject
from jobs.tracking.runs import KIND, NOTE, Kind
from jobs.tracking.store import experiment, store_lock

EXPERIMENTS = "lis/"
"""What the names of the project's experiments begin with."""
_RUN_NAME = "attributes.`Run Name`"
_LIS = f"metrics.`{HEADLINE_NAME}`"
_INTERVAL = ("metrics.`lis_ci_low`", "metrics.`lis_ci_high`")
_WIDTHS = {_RUN_NAME: 340, "tags.`lis.verdict`": 140, "tags.`lis.verdict_reason`": 320}

# MLflow adds the charts of the other metrics; in a section that was reordered, after this one.
_SECTION = {
    "uuid": "lis-section",
    "name": "Model metrics",
    "display": True,
    "isReordered": True,
    "deleted": False,
    "isGenerated": True,
}
_CHART = {
    "uuid": "lis-chart",
    "type": "LINE",
    "metricSectionId": _SECTION["uuid"],
    "metricKey": HEADLINE_NAME,
    "selectedMetricKeys": [HEADLINE_NAME],
    "displayName": HEADLINE_NAME,
    "deleted": False,
    "isGenerated": True,
    "runsCountToCompare": 10,
    "xAxisKey": "step",
    "useGlobalXaxisKey": True,
    "useGlobalLineSmoothing": True,
    "lineSmoothness": 0,
    "xAxisScaleType": "linear",
    "scaleType": "linear",
    "range": {},
    "selectedXAxisMetricKey": "",
    "yAxisKey": "metric",
    "yAxisExpressions": [],
    "ignoreOutliers": False,
}


@dataclass(frozen=True)
class View:
    """A saved view: what the tag of MLflow's page holds, by the page's own names.

    Attributes:
        key: Of the view, in its link.
        columns: Those shown, in their order; the run's name comes before them.
        order_by: The column by which runs are sorted, descending.
        as_chart: Whether its link opens MLflow's charts in place of the table.
        x_axis: Of its charts of metrics with several steps.
    """

    key: str
    name: str
    kind: Kind
    columns: Sequence[str]
    order_by: str
    as_chart: bool = False
    x_axis: str = "step"

    @property
    def tag(self) -> str:
        return f"mlflow.sharedViewState.{self.key}"

    def content(self) -> str:
        """Return the value of the tag."""
        state = {
            "searchFilter": f"tags.`{KIND}` = '{self.kind}'",
            "orderByKey": self.order_by,
            "orderByAsc": False,
            "selectedColumns": list(self.columns),
            "columnOrder": [_RUN_NAME, *self.columns],
            "columnWidths": {
                name: _WIDTHS[name] for name in (_RUN_NAME, *self.columns) if name in _WIDTHS
            },
            "globalLineChartConfig": {
                "xAxisKey": self.x_axis,
                "lineSmoothness": 0,
                "selectedXAxisMetricKey": "",
            },
        }
        if self.as_chart:
            state |= {"compareRunCharts": [_CHART], "compareRunSections": [_SECTION]}
        # MLflow lists views by their time, the newest first.
        time = len(VIEWS) - VIEWS.index(self)
        document = {
            "name": self.name,
            "createdAt": time,
            "updatedAt": time,
            "state": json.dumps(state),
        }
        return json.dumps(document)


SCORES = View(
    key="lis-scores",
    name="Scores",
    kind=Kind.SCORE,
    columns=(
        _LIS,
        "tags.`lis.verdict`",
        *_INTERVAL,
        "metrics.`lis_seen`",
        "metrics.`rows`",
        "params.`as_of`",
        "params.`preference`",
        "params.`horizon`",
        "params.`mode`",
        "tags.`lis.verdict_reason`",
        "attributes.`Version`",
    ),
    order_by="params.`as_of`",
)
BY_HORIZON = View(
    key="lis-by-horizon",
    name="LIS by horizon",
    kind=Kind.BY_HORIZON,
    columns=(_LIS, *_INTERVAL, "params.`as_of`", "params.`preference`", "params.`mode`"),
    order_by="params.`as_of`",
    as_chart=True,
)
BY_DAY = View(
    key="lis-by-day",
    name="LIS by day",
    kind=Kind.BY_DAY,
    columns=(_LIS, *_INTERVAL, "params.`preference`", "params.`horizon`", "params.`mode`"),
    order_by="params.`preference`",
    as_chart=True,
    x_axis="time",
)
IMPROVEMENTS = View(
    key="lis-improvements",
    name="Aligned encoders",
    kind=Kind.AIS,
    columns=(
        "metrics.`ais`",
        "tags.`lis.diagnosis`",
        "metrics.`ais_ci_low`",
        "metrics.`ais_ci_high`",
        "metrics.`realised`",
        _LIS,
        "metrics.`alignment_gain`",
        "metrics.`recall`",
        "params.`as_of`",
        "params.`preference`",
        "params.`encoder`",
        "params.`aligned_at`",
        "params.`mode`",
    ),
    order_by="params.`as_of`",
)
DECISIONS = View(
    key="lis-gate",
    name="Gate",
    kind=Kind.GATE,
    columns=(
        _LIS,
        "params.`decision`",
        *_INTERVAL,
        "params.`as_of`",
        "params.`preference`",
        "tags.`lis.verdict`",
        "tags.`lis.forced_because`",
    ),
    order_by="params.`as_of`",
)
VIEWS = (SCORES, BY_HORIZON, BY_DAY, IMPROVEMENTS, DECISIONS)


def runs_path(experiment_id: str, view: View = SCORES) -> str:
    """Return the address of a view of an experiment's runs, relative to MLflow's."""
    chart = "&compareRunsMode=CHART" if view.as_chart else ""
    return (
        f"#/experiments/{experiment_id}/runs"
        f"?workflowType=machine_learning&viewStateShareKey={view.key}{chart}"
    )


def open_experiment(client: MlflowClient, about: Subject) -> str:
    """Return the id of the experiment ``lis/<name>``, with its views and a description.

    A description that a user has written stays.

    Raises:
        InputError: If the experiment was deleted in MLflow.
    """
    experiment_id = experiment(client, f"{EXPERIMENTS}{about.name}")
    # Processes that set a new tag at once would insert it twice, which the store refuses.
    with store_lock():
        held = client.get_experiment(experiment_id).tags
        tags = {view.tag: view.content() for view in VIEWS}
        if NOTE not in held:
            tags[NOTE] = _note(about, experiment_id)
        for name, value in tags.items():
            if held.get(name) != value:
                client.set_experiment_tag(experiment_id, name, value)
    return experiment_id


def _note(about: Subject, experiment_id: str) -> str:
    links = "\n".join(f"- [{view.name}]({runs_path(experiment_id, view)})" for view in VIEWS)
    return f"""\
**{plain(about.title or about.name)}: how much AUC the ranker gains when preference data is \
leaked to it from the future**

The Leakage Impact Score (LIS, arXiv 2508.04963) is an upper bound of what a model that is aligned \
on that data can bring. Verdicts rest on held-out rows.

{links}

A run without a parent is an evaluation date and a ranker, with a report, all its scores and their \
note. Below it is a run for each preference, horizon n and mode."""
