"""Times a new user's way: a fresh clone, `make setup`, and the commands of docs/your-log.md.

The log is a CSV file of 20,000 rows of 50 days that this script makes. It needs no package, as it
runs before any is installed:

    python3 scripts/first_hour.py FOLDER
"""

from __future__ import annotations

import argparse
import csv
import ctypes
import math
import os
import random
import re
import resource
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROWS, DAYS, USERS, ITEMS = 20_000, 50, 400, 300
FIRST = datetime(2026, 1, 1)
LIMIT = 300.0
_BLOCK = re.compile(r"<!-- first hour -->\n```bash\n(.*?)```", re.DOTALL)
_SUBREAPER = 36


def write_log(path: Path) -> None:
    """Write impressions of users with tastes for items of different quality."""
    draw = random.Random(0)
    users = [(draw.gauss(0, 1), draw.gauss(0, 1)) for _ in range(USERS)]
    items = [(draw.gauss(0, 1), draw.gauss(0, 1), draw.gauss(-1.5, 0.7)) for _ in range(ITEMS)]
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["user", "item", "event_time", "clicked", "device"])
        for row in range(ROWS):
            user, item = draw.randrange(USERS), draw.randrange(ITEMS)
            (liking, taste), (appeal, kind, quality) = users[user], items[item]
            logit = quality + liking * appeal + taste * kind
            is_clicked = draw.random() < 1 / (1 + math.exp(-logit))
            moment = FIRST + timedelta(days=DAYS * (row + draw.random()) / ROWS)
            shown = moment.isoformat(sep=" ", timespec="seconds")
            device = draw.choice(["phone", "phone", "desktop"])
            writer.writerow([f"u{user}", f"i{item}", shown, int(is_clicked), device])


def documented_commands(page: str) -> list[str]:
    """The commands of the page's block that is marked for this."""
    found = _BLOCK.search(page)
    if found is None:
        raise SystemExit("docs/your-log.md has no block after <!-- first hour -->")
    return [line for line in found[1].splitlines() if line]


def timed(command: Sequence[str], folder: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Run a command; return the seconds that pass, and those that all cores together work."""
    before, start = _worked(), time.monotonic()
    done = subprocess.run(command, cwd=folder, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"{shlex.join(command)} ended with exit code {done.returncode}")
    passed = time.monotonic() - start
    # Spark's JVM outlives the command for a moment, and counts as well.
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return passed, _worked() - before


def _worked() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Print the time of each step as a Markdown table; exit code 1 if it was too long."""
    parser = argparse.ArgumentParser(description="Time a new user's way to a first LIS.")
    parser.add_argument("folder", type=Path, help="for the clone and the log; kept afterwards")
    parser.add_argument("--only", metavar="WORD", help="steps that have this word, such as setup")
    options = parser.parse_args()
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    folder = options.folder.resolve()
    checkout, work = folder / "checkout", folder / "work"
    work.mkdir(parents=True, exist_ok=True)
    if not checkout.exists():
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(checkout)], check=True)
    write_log(work / "clicks.csv")
    own = ("LIS_", "MLFLOW_", "AIRFLOW", "SPARK_", "PYTHONPATH", "VIRTUAL_ENV")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(own)}
    steps = [("make setup", checkout)]
    page = (checkout / "docs/your-log.md").read_text(encoding="utf-8")
    steps += [(command, work) for command in documented_commands(page)]
    paths = environment["PATH"].split(os.pathsep)
    outside = [path for path in paths if not Path(path).is_relative_to(ROOT)]
    total = 0.0
    lines = ["| step | seconds | seconds of work |", "| --- | --- | --- |"]
    for command, place in steps:
        if options.only is not None and options.only not in command:
            continue
        print(f"$ {command}", flush=True)
        # As `source .venv/bin/activate` does.
        environment["PATH"] = os.pathsep.join([str(checkout / ".venv/bin"), *outside])
        passed, worked = timed(shlex.split(command), place, environment)
        total += passed
        lines.append(f"| `{command}` | {passed:.0f} | {worked:.0f} |")
    lines.append(f"| all | {total:.0f} | |")
    print("\n".join(lines))
    return int(total > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
