"""What the report's policy lets a browser do: draw the page, and nothing else."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

from jobs.reporting.html_report import build_report
from tests.jobs.reporting.test_hostile_values import POLICY
from tests.jobs.tracking.sample_results import SCENARIO, make_result

ATTACK = """\
<script>document.title = "run"</script>
<img src="http://127.0.0.1:9/a.png" onerror="document.title = 'run'">
<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" onload="document.title = 'run'">
<link rel="stylesheet" href="http://127.0.0.1:9/a.css">
<iframe src="http://127.0.0.1:9/"></iframe>
"""


def shown(page: Page, path: Path, html: str) -> tuple[bytes, list[str]]:
    """A picture of a page, and what the browser refused to do for it."""
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    path.write_text(html, encoding="utf-8")
    page.goto(path.as_uri())
    return page.screenshot(full_page=True), refused


def test_the_page_looks_the_same_with_and_without_its_policy(page: Page, tmp_path: Path) -> None:
    results = [make_result(), make_result(as_of="2026-02-02")]
    html = build_report(SCENARIO, results)
    free = html.replace(POLICY, "")
    assert free != html
    kept, refused = shown(page, tmp_path / "report.html", html)
    assert refused == []
    assert kept == shown(page, tmp_path / "free.html", free)[0]


def test_what_a_value_could_bring_into_the_page_is_refused(page: Page, tmp_path: Path) -> None:
    html = build_report(SCENARIO, [make_result()]).replace("<main>", f"<main>{ATTACK}")
    _, refused = shown(page, tmp_path / "report.html", html)
    assert page.title().startswith("Leakage Impact Score")
    assert len([text for text in refused if "Content Security Policy" in text]) >= 5
    _, _ = shown(page, tmp_path / "free.html", html.replace(POLICY, ""))
    assert page.title() == "run"
