"""Makes the pictures of docs/images/ from what the demo left: ``python -m scripts.screenshots``.

It starts Airflow and MLflow on free ports, opens each screen in a headless browser, prints the
report, and stops all of it. Run ``make demo`` before.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser

from jobs.common.paths import data_folder
from jobs.reporting.pages import LATEST
from scripts.screenshots.browser import browser
from scripts.screenshots.paper import A4, LETTER, pictures, printed
from scripts.screenshots.screens import SCENARIO, SCREENS, new_page
from scripts.screenshots.servers import ROOT, servers

LARGEST = 250_000
"""Bytes of a picture."""
_PAGES = 2
"""Printed pages that become pictures."""
_COLOURS = 256


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description="Make the pictures of docs/images/.")
    parser.add_argument("--data", type=Path, default=data_folder(), help="what make demo wrote")
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "images", help="folder")
    options = parser.parse_args()
    options.to.mkdir(parents=True, exist_ok=True)
    report = report_page(options.data)
    with browser() as started:
        take_report(started, report, options.to)
        with servers(options.data) as running:
            for screen in SCREENS:
                page = new_page(started, screen.height)
                screen.show(page, running)
                target = options.to / f"{screen.name}.png"
                page.screenshot(path=target)
                page.close()
                with Image.open(target) as image:
                    save(image.copy(), target)


def report_page(data: Path) -> Path:
    """Return where the demo's report lies.

    Raises:
        SystemExit: If there is none.
    """
    path = data / "reports" / SCENARIO / LATEST
    if not path.exists():
        raise SystemExit(f"error: {path} does not exist: run make demo first")
    return path


def take_report(started: Browser, report: Path, to: Path) -> None:
    """Take the head of the report on a screen, and its first pages on paper."""
    page = new_page(started)
    page.goto(report.resolve().as_uri())
    target = to / "report.png"
    page.screenshot(path=target)
    with Image.open(target) as image:
        save(image.copy(), target)
    for sheet in (A4, LETTER):
        document = printed(page, sheet)
        for number, picture in enumerate(pictures(document, _PAGES), start=1):
            save(picture, to / f"report-{sheet.name.lower()}-{number}.png")
    page.close()


def save(image: Image.Image, path: Path) -> None:
    """Save a picture with few colours, which text and lines do not need more of.

    Raises:
        SystemExit: If it is too large for the documentation.
    """
    image.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    if path.stat().st_size > LARGEST:
        raise SystemExit(f"error: {path} has {path.stat().st_size:,} bytes, more than {LARGEST:,}")
    print(f"{path}: {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
