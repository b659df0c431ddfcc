"""A LIS in swap mode beside a day's training, and five horizons beside one.

Run as ``python -m tests.benchmarks.scoring [--rows N]``. The lineage, its tables and the scores are
made as a daily run makes them, on a synthetic log whose first day is short and whose day T is not.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from statistics import median

from jobs.ingest.impression_statistics import build_statistics
from jobs.lake import Lake, schemas
from jobs.lake.addresses import feature_partition
from jobs.lis.swap import score_swap
from jobs.preference import PreferenceKind, preference_kind
from jobs.preference.build_tables import assemble_tables
from jobs.ranker.lineage import extend_lineage
from jobs.ranker.scoring.score_day import SlotTable, score_day
from jobs.scenarios import Scenario
from jobs.snapshots.export import build_snapshots
from jobs.spark.session import spark_session
from tests.benchmarks import measure
from tests.benchmarks.log import FIRST_DAY, LogOptions, scenario_of, write_log
from tests.benchmarks.page import Page

AS_OF = FIRST_DAY + timedelta(days=1)
HORIZONS = (1, 2, 3, 4, 5)
OF_A_LIS = (1, 5)
ROWS, OTHER_DAYS_ROWS = 1_000_000, 131_072
ROUNDS = 3


@dataclass(frozen=True)
class Taken:
    """Medians of the rounds, in seconds."""

    wall: float
    cpu: float


def measured(rows: int, folder: Path) -> dict[str, Taken]:
    """Train, assemble, and time what scoring takes in turns."""
    others = (OTHER_DAYS_ROWS,) * (HORIZONS[-1] - 1)
    write_log(folder, LogOptions(rows=(OTHER_DAYS_ROWS, rows, *others)))
    lake, scenario = Lake(str(folder / "lake")), scenario_of(history_length=20)
    kind = preference_kind("id_embedding", scenario)
    extend_lineage(lake, scenario, FIRST_DAY)
    taken = {"training the day": _once(lambda: extend_lineage(lake, scenario, AS_OF))}
    last = AS_OF + timedelta(days=HORIZONS[-1] - 1)
    extend_lineage(lake, scenario, last)
    with spark_session("benchmark"):
        # The ranker reads none, but its result stands beside models that count.
        build_statistics(lake, scenario, AS_OF)
        build_snapshots(lake, scenario, last)
        taken["tables of T and five horizons, by Spark"] = _once(
            lambda: assemble_tables(lake, scenario, kind, [AS_OF], HORIZONS)
        )
    ways: dict[str, Callable[[], object]] = {
        "LIS of two horizons": lambda: _lis(lake, scenario, kind),
        "scored by the ranker of T alone": lambda: _scored(lake, scenario, ()),
        "one horizon beside it": lambda: _scored(lake, scenario, HORIZONS[:1]),
        "five horizons beside it": lambda: _scored(lake, scenario, HORIZONS),
    }
    runs: dict[str, list[Taken]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for table in ("predictions", "lis"):
            lake.storage.remove(table)
        for name, way in ways.items():
            runs[name].append(_once(way))
    for name, found in runs.items():
        taken[name] = Taken(median(one.wall for one in found), median(one.cpu for one in found))
    return taken


def _lis(lake: Lake, scenario: Scenario, kind: PreferenceKind) -> object:
    return score_swap(lake, scenario, [kind], [AS_OF], OF_A_LIS)


def _scored(lake: Lake, scenario: Scenario, horizons: tuple[int, ...]) -> object:
    tables = {str(horizon): _table(lake, scenario, AS_OF, horizon) for horizon in horizons}
    return score_day(lake, scenario, AS_OF, tables)


def _table(lake: Lake, scenario: Scenario, day: date, horizon: int) -> SlotTable:
    contract = schemas.features(scenario, "item", dim=scenario.ranker.embedding_dim)
    stored = lake.read(feature_partition(scenario, "id_embedding", day, horizon))
    return SlotTable.from_arrow(stored.select(contract.names).cast(contract))


def _once(work: Callable[[], object]) -> Taken:
    def counted() -> int:
        work()
        return 0

    _, wall, cpu = measure.timed(counted)
    return Taken(wall, cpu)


def table(taken: dict[str, Taken]) -> str:
    """What was measured and the two ratios that count, in Markdown."""
    lines = ["| what | wall, s | CPU, s |", "|---|---|---|"]
    lines += [f"| {name} | {one.wall:.1f} | {one.cpu:.1f} |" for name, one in taken.items()]
    lis, day = taken["LIS of two horizons"], taken["training the day"]
    one, five = taken["one horizon beside it"], taken["five horizons beside it"]
    lines += [
        "",
        "| ratio | wall | CPU | at most |",
        "|---|---|---|---|",
        f"| LIS to training | {lis.wall / day.wall:.2f} | {lis.cpu / day.cpu:.2f} | 0.3 |",
        f"| five horizons to one | {five.wall / one.wall:.2f} | {five.cpu / one.cpu:.2f} | 1.5 |",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="of day T")
    rows, load = parser.parse_args().rows, os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        taken = measured(rows, Path(folder))
    page = Page(
        "scoring",
        "A LIS beside a day of training",
        f"Day T has {rows:,} impressions of {LogOptions().vocabulary:,} ids, a history of 20 "
        f"clicks, and a tenth held out; medians of {ROUNDS} rounds in turns.",
        table(taken),
        "All held-out rows are scored, and about 100,000 of those seen before. The CPU time of "
        "tables is Spark's, in another process, and is not counted. A horizon more is one more "
        "forward pass with other item vectors: every layer but the first sees other inputs, so no "
        "more than a third of it could be shared. Reading, ids and histories are done once.",
        {name: asdict(one) for name, one in taken.items()},
        load,
    )
    page.publish(kept=rows == ROWS)


if __name__ == "__main__":
    main()
