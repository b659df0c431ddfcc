"""The first screens that a user of ``make up`` sees, after ``make demo``."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from jobs.stages import STAGES
from scripts.screenshots.screens import (
    WAIT,
    scores,
    show_chart,
    show_dag,
    show_form,
    show_run,
    show_runs,
)
from scripts.screenshots.servers import Servers

expect.set_options(timeout=WAIT)
FIELDS = (
    "Evaluation date",
    "Days of leak",
    "Preference data",
    "Modes",
    "First day of a new ranker",
)


def test_the_form_opens_with_its_fields(page: Page, servers: Servers) -> None:
    show_form(page, servers)
    form = page.get_by_role("dialog")
    for name in FIELDS:
        expect(form.get_by_text(name).first).to_be_visible()
    expect(form.locator("#element_as_of")).to_have_value("")
    expect(form.locator("#element_horizons")).to_have_value("7\n30")
    expect(form.get_by_test_id("trigger-dag-submit")).to_be_enabled()


def test_the_dag_shows_its_tasks(page: Page, servers: Servers) -> None:
    show_dag(page, servers)
    for task in ("resolve_date", *(stage.name for stage in STAGES)):
        expect(page.get_by_text(task).first).to_be_visible()


def test_the_link_to_mlflow_shows_runs_with_lis_and_verdict(page: Page, servers: Servers) -> None:
    show_runs(page, servers)
    for heading in ("lis", "lis.verdict"):
        expect(page.get_by_role("columnheader", name=heading, exact=True).first).to_be_visible()
    logged = scores(servers)
    assert logged
    for run in logged:
        row = page.get_by_role("row").filter(has_text=str(run.data.metrics["lis"])[:8])
        expect(row.first).to_be_visible()
        expect(page.get_by_text(run.data.tags["lis.verdict"], exact=True).first).to_be_visible()


def test_a_run_shows_its_verdict_and_lis_first(page: Page, servers: Servers) -> None:
    show_run(page, servers)
    run = max(scores(servers), key=lambda one: int(one.data.params["horizon"]))
    verdict = run.data.tags["lis.verdict"].capitalize()
    expect(page.get_by_text(f"{verdict}: leaking").first).to_be_visible()
    expect(page.get_by_role("link", name="lis", exact=True)).to_be_visible()


def test_the_lis_by_day_is_drawn(page: Page, servers: Servers) -> None:
    show_chart(page, servers)
    expect(page.get_by_text("lis", exact=True).first).to_be_visible()
    assert page.locator(".plotly .scatterlayer .trace").count() > 0
