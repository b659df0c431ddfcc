"""What a benchmark leaves in ``docs/benchmarks``: a page to read, and its figures as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.measure import RESULTS, machine


@dataclass(frozen=True)
class Page:
    """name: of its files, and of the benchmark's module. did: what was run, in a sentence or two.

    found: tables in Markdown. means: how to read them, true of any run. figures: for the JSON.
    load: the machine's one-minute average before the first run.
    """

    name: str
    title: str
    did: str
    found: str
    means: str
    figures: Mapping[str, Any]
    load: float

    def markdown(self) -> str:
        """The page."""
        ran = f"`python -m tests.benchmarks.{self.name}`, {machine()}, load {self.load:.1f}"
        return f"# {self.title}\n\n{ran}. {self.did}\n\n{self.found}\n\n{self.means}\n"

    def publish(self, *, kept: bool) -> None:
        """Print the tables; a run of another size than the usual is not kept."""
        sys.stdout.write(f"{self.found}\n")
        if kept:
            RESULTS.mkdir(parents=True, exist_ok=True)
            (RESULTS / f"{self.name}.md").write_text(self.markdown(), encoding="utf-8")
            plain = {"machine": machine(), "load": self.load, **self.figures}
            (RESULTS / f"{self.name}.json").write_text(json.dumps(plain, indent=2) + "\n")
