"""Time of the LIS board's pages and API, in Airflow's web server, with years of daily results.

Run as ``python -m tests.benchmarks.board [--days N] [--lake FOLDER]``. The lake is generated,
unless the folder has one, and takes a quarter of an hour for two years.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from statistics import median

from jobs.board.update import update_board
from jobs.common.day_range import DayRange
from jobs.lake import Lake
from jobs.scenarios import load_scenario
from tests.benchmarks.page import Page
from tests.benchmarks.result_lake import HORIZONS, KINDS, MODES, results, store_all

SCENARIO = "simulated_feed"
DAYS, REPEATS, LIMIT_MS = 730, 15, 300
LAST = date(2026, 11, 19)
PATHS = {
    "all scenarios": "/lis/board",
    "a scenario, 90 days": f"/lis/board/{SCENARIO}",
    "a scenario, two years": f"/lis/board/{SCENARIO}?days=731",
    "API, all scenarios": "/lis/api/scenarios",
    "API, a scenario, two years": f"/lis/api/scenarios/{SCENARIO}?days=731",
}


@dataclass(frozen=True)
class Answer:
    """Milliseconds of an address: the first time in a process, then median and slowest."""

    first: float
    median: float
    slowest: float
    kib: float


def timed(action: Callable[[], object]) -> float:
    """Milliseconds that it takes."""
    start = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - start)


def prepared(lake: Lake, days: int) -> tuple[int, float, float]:
    """Results, seconds to copy all of them to the board's table, and those of a day."""
    scenario = load_scenario(SCENARIO)
    count = len(KINDS) * len(MODES) * len(HORIZONS) * days
    if not lake.days_with_any("lis", SCENARIO):
        count = store_all(lake, results(SCENARIO, LAST, days))
    newest = DayRange.of_day(LAST)
    lake.storage.remove("board")
    whole, daily = (timed(lambda: update_board(lake, scenario, newest)) / 1000 for _ in range(2))
    return count, whole, daily


def answers(lake: Lake) -> dict[str, Answer]:
    """Ask Airflow's web server, in this process, over a new metadata database.

    Raises:
        ArithmeticError: If it does not answer.
    """
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {
            "AIRFLOW_HOME": home,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(Path(__file__).parents[2] / "plugins"),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
            "AIRFLOW__API_AUTH__JWT_SECRET": "s" * 64,
            "LIS_LAKE": lake.uri,
            "LIS_DATA": home,
        }
        return _answers()


def _answers() -> dict[str, Answer]:
    # Airflow reads its home when it is imported.
    from airflow.api_fastapi.app import create_app, get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.db import initdb
    from airflow.utils.session import create_session
    from starlette.testclient import TestClient

    logging.disable(logging.CRITICAL)
    initdb()
    with create_session() as session:
        session.add(DagBundleModel(name="dags"))
        session.flush()
        session.add(
            DagModel(
                dag_id=f"lis_daily__{SCENARIO}",
                bundle_name="dags",
                fileloc="dags/lis_daily.py",
                is_stale=False,
                description="Leakage Impact Score of Simulated feed",
            )
        )
    found = {}
    with TestClient(create_app(), base_url="http://localhost") as client:
        user = SimpleAuthManagerUser(username="reader", role="viewer")
        client.headers["Authorization"] = f"Bearer {get_auth_manager().generate_jwt(user)}"
        # What the server loads in the background when it starts.
        time.sleep(10)
        for name, path in PATHS.items():
            sizes = []

            def ask(path: str = path, sizes: list[int] = sizes) -> None:
                answer = client.get(path)
                if answer.status_code != 200:
                    raise ArithmeticError(f"{path}: {answer.status_code}")
                sizes.append(len(answer.content))

            first = timed(ask)
            again = [timed(ask) for _ in range(REPEATS)]
            found[name] = Answer(first, median(again), max(again), sizes[0] / 1024)
    return found


def page(lake: Lake, days: int, load: float) -> Page:
    """Measure, and return the page."""
    count, whole, daily = prepared(lake, days)
    found = answers(lake)
    rows = [
        f"| {name} | {one.first:.0f} | {one.median:.0f} | {one.slowest:.0f} | {one.kib:.0f} |"
        for name, one in found.items()
    ]
    head = ["| what | first, ms | median, ms | slowest, ms | KiB |", "|---|---|---|---|---|"]
    return Page(
        name="board",
        title="The LIS board with two years of results",
        did=f"{count:,} results: {days} days, {len(KINDS)} kinds, {len(MODES)} modes, "
        f"{len(HORIZONS)} horizons. First: in a process that has answered nothing of it; then "
        f"{REPEATS} times each.",
        found="\n".join([*head, *rows]),
        means=f"At most {LIMIT_MS} ms are aimed at. A page reads the board's table, a file for "
        f"each year, and no result. The end of a run brings that up to date: {daily:.1f} s for a "
        f"day; {whole:.0f} s for all results, once after an upgrade.",
        figures={
            "results": count,
            "copied_whole_s": whole,
            "copied_day_s": daily,
            "answers": {name: asdict(one) for name, one in found.items()},
        },
        load=load,
    )


def main() -> None:
    """Measure, print and publish."""
    parser = argparse.ArgumentParser(description="Time of the LIS board's pages.")
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--lake", type=Path, help="folder of the lake; kept for another run")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(str(options.lake or folder))
        measured = page(lake, options.days, load)
    measured.publish(kept=options.days == DAYS)
    slow = [name for name, one in measured.figures["answers"].items() if one["median"] > LIMIT_MS]
    if slow:
        sys.exit(f"slower than {LIMIT_MS} ms: {', '.join(slow)}")


if __name__ == "__main__":
    main()
