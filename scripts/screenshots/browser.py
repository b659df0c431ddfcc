"""A headless browser: Chromium as the system's packages bring it, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTH, HEIGHT = 1440, 900


def browser_path() -> str:
    """Return the path of the browser: ``LIS_BROWSER``, or the first one on the PATH.

    Raises:
        SystemExit: If there is none.
    """
    named = os.environ.get("LIS_BROWSER")
    for name in [named] if named else NAMES:
        if path := shutil.which(name):
            return path
    raise SystemExit(
        f"error: {named or ', '.join(NAMES)}: no such browser: install one (Debian: sudo apt-get "
        "install chromium), or point LIS_BROWSER to one"
    )


@contextmanager
def browser() -> Iterator[Browser]:
    """Start the browser, and end it."""
    # Chromium's sandbox refuses to run as root, which a container usually is.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=browser_path(), args=arguments)
        try:
            yield started
        finally:
            started.close()
