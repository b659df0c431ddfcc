"""A browser, and the servers on what the demo left, once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from jobs.common.paths import data_folder
from scripts.screenshots.browser import browser as open_browser
from scripts.screenshots.screens import new_page
from scripts.screenshots.servers import Servers
from scripts.screenshots.servers import servers as start_servers


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with open_browser() as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = new_page(browser)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    with start_servers(data_folder()) as running:
        yield running
