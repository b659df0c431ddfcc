"""Does the order of LIS predict the order of AIS? One command, which goes on where it stopped.

Run as ``python -m tests.benchmarks.order [--out FOLDER] [--days FIRST:LAST] [--kinds NAMES]``. On
the simulated feed of short-lived items, each kind of preference data is scored (LIS), then an
encoder is aligned with it, and its vectors are scored (AIS). Both costs are measured in processes
of their own.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import yaml

from jobs.common.day_range import DayRange
from jobs.scenarios import load_scenario
from tests.benchmarks.order import kinds
from tests.benchmarks.order.costs import Costs
from tests.benchmarks.order.page import publish_page
from tests.benchmarks.order.scores import read_order

SCENARIO = "simulated_content"
DAYS = "2026-02-05:2026-02-08"
KINDS = (
    "id_embedding",
    *(kind.name for kind in kinds.DEGRADED),
    "semantic_ids",
    "co_click_embedding",
    "future_popularity",
)


def scenario_file(folder: Path) -> Path:
    """The scenario with the degraded kinds, as a file."""
    content = yaml.safe_load(Path(f"jobs/scenarios/{SCENARIO}.yaml").read_text(encoding="utf-8"))
    content["custom_preferences"] = [
        f"{kinds.__name__}:{kind.name.upper()}" for kind in kinds.DEGRADED
    ]
    path = folder / f"{SCENARIO}.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("data/order"))
    parser.add_argument("--days", default=DAYS, help="evaluation days, first:last")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--lake", type=Path, help="with the feed, already trained")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    folder, chosen = options.out.resolve(), options.kinds.split(",")
    folder.mkdir(parents=True, exist_ok=True)
    path = scenario_file(folder)
    scenario, days = load_scenario(str(path)), DayRange.parse(options.days)
    # What is set counts, but for a lake that is named here.
    lake = options.lake or os.environ.get("LIS_LAKE") or folder / "lake"
    os.environ["LIS_LAKE"] = str(lake)
    os.environ["LIS_DATA"] = str(folder)
    os.environ.setdefault("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    costs = Costs(folder / "costs.json")
    horizon = max(scenario.horizons)
    last = (days.last - scenario.schedule.start).days + horizon
    raw = str(folder / "raw" / SCENARIO)
    given = ["--scenario", str(path)]
    if options.lake is None:
        costs.run("simulate", ["simulate", *given, "--out", raw, "--days", str(last)])
        costs.run("ingest", ["ingest", *given, "--raw", raw])
        costs.run("train", ["train", *given])
    for kind in chosen:
        asked = [*given, "--as-of", options.days, "--preference", kind]
        leak = ["--horizons", str(horizon), "--mode", "probe"]
        costs.run(f"lis {kind}", ["lis", *asked, *leak])
        costs.run(f"align {kind}", ["align", *asked])
        costs.run(f"ais {kind}", ["ais", *asked, *leak])
    order = read_order(scenario, days, chosen, horizon)
    publish_page(order, {name: vars(cost) for name, cost in costs.found.items()}, load)


if __name__ == "__main__":
    main()
