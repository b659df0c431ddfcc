"""Reads the log of ``airflow dags test`` and prints one line as each task begins and ends."""

from __future__ import annotations

import re
import sys
import time

TASK = re.compile(r"\[DAG TEST\] (starting|end task) task_id=(\S+) map_index=(-?\d+)")


def main() -> None:
    """Print the name of each task as it begins, and its seconds when it ends."""
    started: dict[str, float] = {}
    for line in sys.stdin:
        found = TASK.search(line)
        if found is None:
            continue
        event, task, index = found.groups()
        name = task if index == "-1" else f"{task}[{index}]"
        if event == "starting":
            started[name] = time.monotonic()
            print(f"  {name:24}", end="", flush=True)
        else:
            seconds = time.monotonic() - started.get(name, time.monotonic())
            print(f"{seconds:6.0f} s", flush=True)


if __name__ == "__main__":
    main()
