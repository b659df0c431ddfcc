"""What a CUDA device changes: speed, memory and the last digits of scores, beside the CPU.

Run as ``python -m tests.benchmarks.gpu LAKE``, or ``scripts/gpu_check.sh``, which makes the lake.
Every device trains the lake's whole lineage again, fits probe and retrain mode to the same
checkpoints, and trains one large synthetic day. Without a CUDA device the CPU is measured alone.
The process with Spark is not needed where the lake was made before.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from jobs.lake import Lake
from jobs.lake.addresses import checkpoint_days, checkpoint_partition
from jobs.lis.fitted_modes import score_fitted
from jobs.lis.fitted_scorer import FittedMode
from jobs.lis.probe import Probe
from jobs.lis.retrain import Retrain
from jobs.preference import preference_kind
from jobs.ranker.lineage import extend_lineage
from jobs.ranker.model.device import default_device
from jobs.ranker.rows.read_day import read_day
from jobs.ranker.scoring.score_day import BASELINE, score_day
from jobs.ranker.training.train_day import train_day
from jobs.scenarios import Fold, Scenario, load_scenario
from tests.benchmarks import measure
from tests.benchmarks.log import LogOptions, scenario_of, write_log
from tests.benchmarks.ours import held_out_auc, ranker_with_vocabulary
from tests.benchmarks.page import Page

SCENARIO, HORIZON, VOCABULARY, ROWS = "simulated_feed", 7, 367_000, 2_000_000
EVAL_DAYS = 7
CPU, CUDA = "cpu", "cuda"
PRECISIONS = ("fp32", "bf16")
_TRAINED = ("checkpoints", "snapshots", "features", "_claims")
_SCORED = ("predictions", "lis")
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LineageRun:
    """All days trained from the first. rows_per_second: reading, writing and validation included.

    digest: of the last checkpoint's files. auc: of the held-out rows of the last week.
    """

    days: int
    seconds: float
    rows_per_second: float
    auc: float
    digest: str


@dataclass(frozen=True)
class FitRun:
    """One mode on one day. lis, lis_se: of the ID embedding. rankers: fitted at once."""

    seconds: float
    rankers: int
    auc_baseline: float
    lis: float
    lis_se: float


@dataclass(frozen=True)
class DayRun:
    """One large day. memory_mib: peak of the device, 0 on a CPU."""

    rows_per_second: float
    auc: float
    memory_mib: float


def lineage(lake: Lake, scenario: Scenario) -> tuple[LineageRun, list[Floats]]:
    """Train a lake without checkpoints, and score the last week."""
    days = lake.days("impressions", scenario.name)
    started = time.perf_counter()
    extend_lineage(lake, scenario, days[-1], progress=False)
    seconds = time.perf_counter() - started
    rows = sum(_lineage_rows(lake, scenario, day) for day in days)
    scored = [score_day(lake, scenario, day, {}, (Fold.EVAL,)) for day in days[-EVAL_DAYS:]]
    labels = np.concatenate([day.rows["label"].to_numpy() for day in scored])
    scores = [day.scores[BASELINE] for day in scored]
    last = checkpoint_days(lake, scenario)[-1]
    digest = hashlib.sha256()
    manifest = lake.require(checkpoint_partition(scenario, last), "train")
    for file in manifest.files:
        digest.update(f"{file.sha256}\n".encode())
    auc = float(roc_auc_score(labels, np.concatenate(scores)))
    run = LineageRun(len(days), seconds, rows / seconds, auc, digest.hexdigest()[:16])
    return run, scores


def fitted(lake: Lake, scenario: Scenario, mode: FittedMode) -> FitRun:
    """Score the ID embedding as of the day whose horizon ends the log."""
    last = checkpoint_days(lake, scenario)[-1]
    as_of = last - timedelta(days=HORIZON)
    kinds = [preference_kind("id_embedding", scenario)]
    started = time.perf_counter()
    [result] = score_fitted(lake, scenario, mode, kinds, [as_of], [HORIZON])
    seconds = time.perf_counter() - started
    return FitRun(seconds, 4 * mode.seeds, result.auc_baseline, result.lis, result.lis_se)


def large_day(folder: Path, precision: str) -> DayRun:
    """Train a day of two million rows whose ids all have embeddings already."""
    lake, scenario = Lake(str(folder / "lake")), scenario_of(precision=precision)
    device = default_device()
    ranker = ranker_with_vocabulary(scenario, VOCABULARY, device)
    warm, day = lake.days("impressions", scenario.name)
    train_day(ranker, lake, scenario, warm)
    if device.type == CUDA:
        torch.cuda.reset_peak_memory_stats()
    rows, seconds, _ = measure.timed(lambda: _synchronized(train_day, ranker, lake, scenario, day))
    memory = torch.cuda.max_memory_allocated() / 2**20 if device.type == CUDA else 0.0
    return DayRun(rows / seconds, held_out_auc(ranker, lake, scenario, day), memory)


def _synchronized(train: Callable[..., int], *arguments: object) -> int:
    rows = train(*arguments)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return rows


def _lineage_rows(lake: Lake, scenario: Scenario, day: date) -> int:
    return sum(len(chunk) for chunk in read_day(lake, scenario, day, (Fold.LINEAGE,)))


def measure_device(given: Path, trained: Path, log: Path, scores: Path) -> dict[str, Any]:
    """Measure the device that this process sees; the scores of the last week go to a file.

    Modes fit to the lineage of the first process, the CPU's, so that nothing else differs.
    """
    scenario = load_scenario(SCENARIO)
    with tempfile.TemporaryDirectory() as folder:
        bare, fits = Path(folder, "bare"), Path(folder, "fits")
        shutil.copytree(given, bare, ignore=shutil.ignore_patterns(*_TRAINED, *_SCORED))
        run, scored = lineage(Lake(str(bare)), scenario)
        if not trained.exists():
            shutil.copytree(bare, trained, ignore=shutil.ignore_patterns(*_SCORED))
        shutil.copytree(trained, fits)
        shutil.copytree(given / "features", fits / "features")
        modes = (Probe(scenario.fit.days), Retrain(scenario.retrain))
        fitted_modes = {str(mode.mode): fitted(Lake(str(fits)), scenario, mode) for mode in modes}
    np.save(scores, np.concatenate(scored))
    return {
        "device": device_name(),
        "lineage": asdict(run),
        "modes": {name: asdict(found) for name, found in fitted_modes.items()},
        "large day": {precision: asdict(large_day(log, precision)) for precision in PRECISIONS},
    }


def device_name() -> str:
    """The device in words."""
    if default_device().type == CUDA:
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    return f"{measure.machine()}, torch {torch.__version__}"


def table(runs: Mapping[str, Mapping[str, Any]], differences: Mapping[str, float]) -> str:
    """The runs as a table in Markdown, a column for each."""
    rows: list[tuple[str, Callable[[Mapping[str, Any]], str]]] = [
        ("lineage, rows/s", lambda run: f"{run['lineage']['rows_per_second']:,.0f}"),
        ("lineage, held-out AUC", lambda run: f"{run['lineage']['auc']:.5f}"),
        ("lineage, digest of the last checkpoint", lambda run: run["lineage"]["digest"]),
    ]
    for mode in ("probe", "retrain"):
        rows += [
            (f"{mode}, seconds", lambda run, mode=mode: f"{run['modes'][mode]['seconds']:.1f}"),
            (
                f"{mode}, LIS ± SE",
                lambda run, mode=mode: "{lis:+.5f} ± {lis_se:.5f}".format(**run["modes"][mode]),
            ),
        ]
    for precision in PRECISIONS:
        rows += [
            (
                f"large day {precision}, rows/s",
                lambda run, key=precision: f"{run['large day'][key]['rows_per_second']:,.0f}",
            ),
            (
                f"large day {precision}, held-out AUC",
                lambda run, key=precision: f"{run['large day'][key]['auc']:.5f}",
            ),
            (
                f"large day {precision}, MiB on the device",
                lambda run, key=precision: f"{DayRun(**run['large day'][key]).memory_mib:,.0f}",
            ),
        ]
    lines = [f"| | {' | '.join(runs)} |", "|---" * (len(runs) + 1) + "|"]
    lines += [f"| {name} | {' | '.join(map(show, runs.values()))} |" for name, show in rows]
    found = [f"{name}: {value:.1e}" for name, value in differences.items()]
    return "\n".join(lines) + (
        f"\n\nLargest difference of a click probability: {'; '.join(found)}." if found else ""
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lake", type=Path, help="path of a lake that scripts/gpu_check.sh made")
    for name in ("--trained", "--log", "--scores"):
        parser.add_argument(name, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.log is not None:
        found = measure_device(options.lake, options.trained, options.log, options.scores)
        sys.stdout.write(f"\n{json.dumps(found)}\n")
        return
    load = os.getloadavg()[0]
    runs: dict[str, Any] = {}
    scores: dict[str, Floats] = {}
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        log.mkdir()
        write_log(log, LogOptions(rows=(131_072, ROWS), vocabulary=VOCABULARY))
        # A second run on the device shows whether its bits are the same each time.
        names = ["CPU", "CUDA", "CUDA again"] if torch.cuda.is_available() else ["CPU"]
        for name in names:
            kept = Path(folder, f"{name}.npy")
            hidden = {"CUDA_VISIBLE_DEVICES": ""} if name == "CPU" else {}
            paths = {"trained": Path(folder, "trained"), "log": log, "scores": kept}
            arguments = [f"--{option}={path}" for option, path in paths.items()]
            ended = subprocess.run(
                [sys.executable, "-m", "tests.benchmarks.gpu", str(options.lake), *arguments],
                cwd=measure.PROJECT,
                env={**os.environ, **hidden},
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            runs[name] = json.loads(ended.stdout.strip().splitlines()[-1])
            scores[name] = np.load(kept)
            sys.stderr.write(f"{name}: {runs[name]['device']}\n")
    reference = scores.pop("CPU")
    differences = {
        f"{name} and CPU": float(np.abs(values - reference).max())
        for name, values in scores.items()
    }
    page = Page(
        "gpu",
        "The ranker on a CUDA device",
        "; ".join(f"{name}: {run['device']}" for name, run in runs.items()) + ".",
        table(runs, differences),
        "Lineage and modes are those of a small simulated feed, the large day is the log of the "
        "training benchmark. Scores are computed in fp32 on every device. Equal digests of two "
        "runs mean equal bits.",
        {"runs": runs, "differences": differences},
        load,
    )
    page.publish(kept=torch.cuda.is_available())


if __name__ == "__main__":
    main()
