"""What was measured, as a page and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from tests.benchmarks.measure import Measurement
from tests.benchmarks.profile_step import StepProfile

Figure = Callable[[Measurement], float]


@dataclass(frozen=True)
class Contestant:
    """Who was measured on which vocabulary."""

    name: str
    vocabulary: int

    @property
    def label(self) -> str:
        return f"{self.name}, {self.vocabulary:,} ids"


@dataclass(frozen=True)
class Target:
    """A ratio of two contestants' medians, and the least that is aimed at."""

    what: str
    value: float
    least: float

    @property
    def is_met(self) -> bool:
        return self.value >= self.least


@dataclass(frozen=True)
class Report:
    """All of one run. machine: what it ran on, in words."""

    machine: str
    runs: Mapping[Contestant, Sequence[Measurement]]
    targets: Sequence[Target]
    profiles: Mapping[int, StepProfile]

    def write(self, folder: Path, name: str) -> None:
        """``name.md`` and ``name.json`` in the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.md").write_text(self.markdown(), encoding="utf-8")
        (folder / f"{name}.json").write_text(json.dumps(self._plain(), indent=2) + "\n")

    def markdown(self) -> str:
        lines = [
            "# Training speed",
            "",
            f"{self.machine} Medians of interleaved runs, each with a seed of its own; load: "
            "waiting processes before each run.",
            "",
            "| who | rows trained | rows/s | rows per CPU second | AUC held out | peak MiB "
            "| runs | load |",
            "|---|---|---|---|---|---|---|---|",
            *(_row(who, found) for who, found in self.runs.items()),
            "",
            "| target | measured | at least | met |",
            "|---|---|---|---|",
            *(
                f"| {target.what} | {target.value:.4g} | {target.least:g} "
                f"| {'yes' if target.is_met else 'no'} |"
                for target in self.targets
            ),
        ]
        for vocabulary, profile in self.profiles.items():
            lines += ["", *_profile_lines(vocabulary, profile)]
        return "\n".join(lines) + "\n"

    def _plain(self) -> dict[str, object]:
        return {
            "machine": self.machine,
            "runs": [
                {**asdict(who), "measured": [asdict(one) for one in found]}
                for who, found in self.runs.items()
            ],
            "targets": [{**asdict(one), "met": one.is_met} for one in self.targets],
            "profiles": {str(vocabulary): asdict(one) for vocabulary, one in self.profiles.items()},
        }


def middle(found: Sequence[Measurement], what: Figure) -> float:
    """Median of a figure over runs."""
    return median(map(what, found))


def _row(who: Contestant, found: Sequence[Measurement]) -> str:
    loads = [one.load for one in found]
    figures = (
        f"{found[0].rows:,}",
        f"{middle(found, Measurement.speed):,.0f}",
        f"{middle(found, Measurement.cpu_speed):,.0f}",
        f"{min(one.auc for one in found):.4f} to {max(one.auc for one in found):.4f}",
        f"{median(one.peak_mib for one in found):,.0f}",
        f"{len(found)}",
        f"{min(loads):.1f} to {max(loads):.1f}",
    )
    return f"| {who.label} | {' | '.join(figures)} |"


def _profile_lines(vocabulary: int, profile: StepProfile) -> list[str]:
    total = sum(profile.milliseconds.values())
    return [
        f"## A step of ours, {vocabulary:,} ids",
        "",
        f"{total:.0f} ms on one thread, waiting included. Its matrix products alone, at the "
        f"{profile.gflops:.0f} GFLOP/s measured in this run, take {profile.limit:.0f} ms: "
        f"{profile.limit / total:.0%} of the step.",
        "",
        "| part | ms | share |",
        "|---|---|---|",
        *(
            f"| {part} | {spent:.1f} | {spent / total:.0%} |"
            for part, spent in profile.milliseconds.items()
        ),
    ]
