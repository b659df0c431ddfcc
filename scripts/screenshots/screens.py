"""The screens that a user meets first, each brought up as a user would."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mlflow import MlflowClient
from mlflow.entities import Run
from playwright.sync_api import Browser, FrameLocator, Page

from jobs.tracking.experiment_page import BY_DAY, EXPERIMENTS, SCORES, runs_path
from jobs.tracking.runs import KIND, Kind
from scripts.screenshots.browser import HEIGHT, WIDTH
from scripts.screenshots.servers import Servers

SCENARIO = "simulated_feed"
DAG = f"lis_daily__{SCENARIO}"
WAIT = 120_000
"""Milliseconds: the first page after a start may take long on a busy machine."""
# MLflow opens a chat beside the first page that a browser sees.
_WITHOUT_CHAT = """
localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true");
localStorage.setItem("mlflow.assistant.panelOpen_v1", "false");
"""
_STILL = 1_500
"""Milliseconds that the drawing of a page takes after its content is there."""


@dataclass(frozen=True)
class Screen:
    """A screen and the height in pixels that shows all of it."""

    name: str
    show: Callable[[Page, Servers], None]
    height: int = HEIGHT


def new_page(browser: Browser, height: int = HEIGHT) -> Page:
    """Open an empty page."""
    page = browser.new_page(viewport={"width": WIDTH, "height": height})
    page.set_default_timeout(WAIT)
    page.add_init_script(_WITHOUT_CHAT)
    return page


def show_dag(page: Page, servers: Servers) -> None:
    """Open the graph of the DAG's tasks."""
    page.goto(f"{servers.airflow}/dags/{DAG}")
    page.get_by_label("Show Graph").click()
    page.get_by_label("Collapse Details Panel").click()
    # A graph that is wider than the page opens at any of its tasks, and draws no other.
    page.locator(".react-flow__node").first.wait_for()
    page.wait_for_timeout(_STILL)
    page.get_by_label("Fit View").click()
    page.get_by_text("resolve_date").first.wait_for()
    page.wait_for_timeout(_STILL)


def show_form(page: Page, servers: Servers) -> None:
    """Open the form that triggers the DAG."""
    page.goto(f"{servers.airflow}/dags/{DAG}")
    page.get_by_test_id("trigger-dag-button").click()
    page.get_by_role("dialog").get_by_text("Evaluation date", exact=True).wait_for()
    page.wait_for_timeout(_STILL)


def show_runs(page: Page, servers: Servers) -> None:
    """Open the list of scores in MLflow."""
    page.goto(f"{servers.mlflow}/{runs_path(_experiment_id(servers), SCORES)}")
    for run in scores(servers):
        page.get_by_text(run.info.run_name, exact=True).wait_for()
    page.wait_for_timeout(_STILL)


def show_run(page: Page, servers: Servers) -> None:
    """Open the score with the longest horizon in MLflow."""
    run = max(scores(servers), key=lambda one: int(one.data.params["horizon"]))
    page.goto(
        f"{servers.mlflow}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"
        "?workflowType=machine_learning"
    )
    page.get_by_text("Show more").click()
    page.wait_for_timeout(_STILL)


def show_chart(page: Page, servers: Servers) -> None:
    """Open the curves of the LIS by day in MLflow."""
    page.goto(f"{servers.mlflow}/{runs_path(_experiment_id(servers), BY_DAY)}")
    page.locator(".plotly .scatterlayer .trace").first.wait_for()
    # The help on searches opens by itself, over the charts.
    page.keyboard.press("Escape")
    page.wait_for_timeout(2 * _STILL)


def show_boards(page: Page, servers: Servers) -> None:
    """Open the LIS board of all scenarios by Airflow's menu."""
    page.goto(servers.airflow)
    page.get_by_text("LIS board").first.click()
    board_frame(page).get_by_role("heading", name="LIS board").wait_for()


def show_board(page: Page, servers: Servers) -> None:
    """Open the LIS board of the scenario."""
    # Airflow logs the user of this machine in at its first page.
    page.goto(servers.airflow)
    page.get_by_text("LIS board").first.wait_for()
    page.goto(f"{servers.airflow}/plugin/lis-board/lis/board/{SCENARIO}?days=30")
    board_frame(page).locator(".heat").wait_for()
    page.wait_for_timeout(_STILL)


def show_board_of_run(page: Page, servers: Servers) -> None:
    """Open the tab of the board on the run of the DAG that the demo has left."""
    page.goto(f"{servers.airflow}/dags/{DAG}/runs")
    page.locator(f'a[href*="/dags/{DAG}/runs/"]').first.click()
    page.get_by_role("link", name="LIS", exact=True).click()
    board_frame(page).locator(".heat").wait_for()
    page.wait_for_timeout(_STILL)


def board_frame(page: Page) -> FrameLocator:
    """Return the frame of the board in Airflow's page."""
    return page.frame_locator("iframe")


def scores(servers: Servers) -> list[Run]:
    """Return the runs of scores in MLflow."""
    return list(
        MlflowClient(servers.mlflow).search_runs(
            [_experiment_id(servers)], f"tags.`{KIND}` = '{Kind.SCORE}'"
        )
    )


def _experiment_id(servers: Servers) -> str:
    found = MlflowClient(servers.mlflow).get_experiment_by_name(f"{EXPERIMENTS}{SCENARIO}")
    if found is None:
        raise SystemExit(f"error: no run of {SCENARIO} is in MLflow: run make demo first")
    experiment_id: str = found.experiment_id
    return experiment_id


SCREENS = (
    Screen("airflow-dag", show_dag, height=560),
    Screen("airflow-form", show_form, height=1_330),
    Screen("board", show_board, height=1_010),
    Screen("board-run", show_board_of_run, height=560),
    Screen("mlflow-runs", show_runs, height=620),
    Screen("mlflow-run", show_run),
    Screen("mlflow-chart", show_chart),
)
