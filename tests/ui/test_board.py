"""The LIS board as Airflow shows it, after ``make demo``."""

from __future__ import annotations

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from scripts.screenshots.screens import (
    SCENARIO,
    WAIT,
    board_frame,
    show_board,
    show_board_of_run,
    show_boards,
)
from scripts.screenshots.servers import Servers

expect.set_options(timeout=WAIT)


@pytest.fixture
def board(page: Page, servers: Servers) -> FrameLocator:
    show_board(page, servers)
    return board_frame(page)


def test_airflow_lists_the_board_and_shows_each_scenario(page: Page, servers: Servers) -> None:
    show_boards(page, servers)
    expect(page.get_by_text("LIS board").first).to_be_visible()
    frame = board_frame(page)
    expect(frame.get_by_role("heading", name="Simulated feed")).to_be_visible()
    row = frame.get_by_role("row").filter(has_text="id_embedding")
    expect(row.get_by_role("link")).to_have_count(2)
    row.get_by_role("link").first.click()
    expect(frame.get_by_role("heading", name="LIS by evaluation day")).to_be_visible()
    assert f"/lis/board/{SCENARIO}" in page.url


def test_a_cell_tells_all_to_a_mouse_and_to_a_keyboard(page: Page, board: FrameLocator) -> None:
    cell = board.locator(".heat td").first
    card = cell.get_by_role("tooltip")
    expect(card).to_be_hidden()
    cell.hover()
    expect(card).to_contain_text("95 % interval")
    page.mouse.move(0, 0)
    expect(card).to_be_hidden()
    cell.locator(".score").focus()
    expect(card).to_be_visible()
    assert cell.locator(".score").get_attribute("aria-describedby") == card.get_attribute("id")


def test_trends_and_freshness_are_drawn(board: FrameLocator) -> None:
    trend = board.get_by_role("img", name="LIS of id_embedding by day")
    expect(trend).to_be_visible()
    assert trend.locator("path").count() == 2
    expect(board.get_by_role("heading", name="Freshness")).to_be_visible()
    expect(board.locator(".strips tbody tr")).to_have_count(6)


def test_a_run_in_mlflow_opens_in_a_window_of_its_own(
    page: Page, board: FrameLocator, servers: Servers
) -> None:
    board.locator(".heat .score").first.focus()
    link = board.get_by_role("link", name="Its run in MLflow").first
    logged = str(link.get_attribute("href"))
    # The demo logged the address of the server of that time.
    host, _, path = logged.partition("#")
    page.context.route(f"{host}**", lambda route: route.fulfill(body="MLflow"))
    with page.context.expect_page() as opened:
        link.click()
    assert opened.value.url == logged
    opened.value.goto(f"{servers.mlflow}/#{path}")
    # The score, and the run of its date that it lies below.
    expect(opened.value.get_by_text("2 matching runs")).to_be_visible()


def test_a_report_opens_with_its_style(page: Page, board: FrameLocator) -> None:
    board.get_by_role("link", name="Report of").first.click()
    expect(board.get_by_role("heading", name="How to read this")).to_be_visible()
    assert board.locator("body").evaluate("one => getComputedStyle(one).margin") == "0px"


def test_the_tab_of_a_run_shows_what_it_has_scored(page: Page, servers: Servers) -> None:
    show_board_of_run(page, servers)
    frame = board_frame(page)
    expect(frame.get_by_text("What this run scores")).to_be_visible()
    expect(frame.locator(".heat .score")).to_have_count(2)
    expect(frame.get_by_role("heading", name="Runs in MLflow")).to_be_visible()


def test_the_board_follows_the_theme_of_airflow(page: Page, board: FrameLocator) -> None:
    body = board.locator("body")
    paper = "one => getComputedStyle(one).backgroundColor"
    colours = {}
    for theme in ("light", "dark"):
        page.evaluate("theme => { document.documentElement.className = theme; }", theme)
        expect(board.locator("html")).to_have_attribute("data-theme", theme)
        colours[theme] = body.evaluate(paper)
    assert colours["light"] == "rgb(255, 255, 255)"
    assert colours["dark"] != colours["light"]


def test_nothing_breaks_the_policy_and_nothing_is_cut(page: Page, servers: Servers) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    for width in (420, 800, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        show_board(page, servers)
        root = board_frame(page).locator("html")
        assert root.evaluate("one => one.scrollWidth <= one.clientWidth"), width
    assert [one for one in said if "Content Security Policy" in one] == []
