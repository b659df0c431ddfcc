"""Runs that a user triggers from the form: what cannot be used, and what has to wait.

They have servers of their own on a copy of what the demo left, which has no failed run.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from jobs.common.paths import data_folder
from scripts.screenshots.screens import WAIT, show_form
from scripts.screenshots.servers import Servers
from scripts.screenshots.servers import servers as start_servers

expect.set_options(timeout=WAIT)


@pytest.fixture(scope="module")
def own_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    data = tmp_path_factory.mktemp("demo") / "data"
    shutil.copytree(data_folder(), data)
    with start_servers(data) as running:
        yield running


def trigger(page: Page, servers: Servers, as_of: str) -> None:
    """Fill in the form and submit it; Airflow then shows the new run."""
    show_form(page, servers)
    page.locator("#element_as_of").fill(as_of)
    page.get_by_test_id("trigger-dag-submit").click()
    page.wait_for_url("**/runs/**")


def open_first_task(page: Page) -> None:
    """Open the log of the first task of the run that is shown."""
    page.goto(f"{page.url}/tasks/resolve_date")


@pytest.mark.parametrize(
    ("as_of", "line"),
    [
        ("2026-02-30", "as_of: '2026-02-30' is not a date"),
        (
            "2026-01-31:2026-01-25",
            "as_of: the range 2026-01-31 to 2026-01-25 ends before it begins: swap the dates",
        ),
    ],
)
def test_a_form_that_cannot_be_used_fails_at_once_and_says_why(
    page: Page, own_servers: Servers, as_of: str, line: str
) -> None:
    trigger(page, own_servers, as_of)
    open_first_task(page)
    expect(page.get_by_text("Failed", exact=True).first).to_be_visible()
    expect(page.get_by_text(line).first).to_be_visible()
    # Its first try is its last one.
    expect(page.get_by_text("Traceback")).to_have_count(0)
    page.goto(page.url.removesuffix("/tasks/resolve_date"))
    expect(page.get_by_text("Failed", exact=True).first).to_be_visible()


def test_a_run_that_waits_names_the_run_at_work(page: Page, own_servers: Servers) -> None:
    trigger(page, own_servers, "2026-01-30")
    at_work = page.url.rpartition("/runs/")[2]
    open_first_task(page)
    expect(page.get_by_text("Success", exact=True).first).to_be_visible()
    trigger(page, own_servers, "2026-01-29")
    open_first_task(page)
    expect(page.get_by_text("Up For Reschedule", exact=True).first).to_be_visible()
    expect(page.get_by_text(f"waits for run {at_work}").first).to_be_visible()
