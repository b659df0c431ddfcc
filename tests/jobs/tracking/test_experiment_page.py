"""Contract of jobs.tracking.experiment_page, and of the script that prints links to it."""

from __future__ import annotations

import json

import pytest
from mlflow import MlflowClient

from jobs.tracking.experiment_page import SCORES, VIEWS, open_experiment, runs_path
from scripts import mlflow_pages
from tests.jobs.tracking.sample_results import SCENARIO

ABOUT = SCENARIO.model_copy(update={"name": "page", "title": "My feed"})


def test_an_experiment_has_a_description_and_views_that_its_links_open(
    client: MlflowClient,
) -> None:
    number = open_experiment(client, ABOUT)
    tags = client.get_experiment(number).tags
    assert tags["mlflow.note.content"].startswith("**My feed: how much AUC")
    for view in VIEWS:
        link = runs_path(number, view)
        assert link in tags["mlflow.note.content"]
        assert "workflowType=machine_learning" in link
        assert f"viewStateShareKey={view.key}" in link
        # The document that MLflow's page reads, whose state is JSON in JSON.
        document = json.loads(tags[f"mlflow.sharedViewState.{view.key}"])
        assert document["name"] == view.name
        state = json.loads(document["state"])
        assert state["searchFilter"] == f"tags.`lis.kind` = '{view.kind}'"
        assert state["selectedColumns"][0] in ("metrics.`lis`", "metrics.`ais`")
    state = json.loads(json.loads(tags[SCORES.tag])["state"])
    assert state["columnOrder"][1:3] == ["metrics.`lis`", "tags.`lis.verdict`"]


def test_a_description_of_the_user_stays_and_an_old_view_does_not(client: MlflowClient) -> None:
    number = open_experiment(client, ABOUT)
    client.set_experiment_tag(number, "mlflow.note.content", "ours")
    client.set_experiment_tag(number, SCORES.tag, "{}")
    assert open_experiment(client, ABOUT) == number
    tags = client.get_experiment(number).tags
    assert tags["mlflow.note.content"] == "ours"
    assert tags[SCORES.tag] == SCORES.content()


def test_the_script_prints_the_runs_of_each_experiment(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIS_MLFLOW_PORT", "5001")
    number = open_experiment(client, ABOUT)
    mlflow_pages.main()
    link = (
        f"http://127.0.0.1:5001/#/experiments/{number}/runs"
        "?workflowType=machine_learning&viewStateShareKey=lis-scores"
    )
    assert f"{link}  lis/page" in capsys.readouterr().out.splitlines()
