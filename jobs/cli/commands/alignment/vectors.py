"""``lis vectors``: the vectors of all items by encoders that are aligned."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.cli.command import Command, ScenarioOptions
from jobs.lake import Lake
from jobs.scenarios import load_scenario
from jobs.stages.alignment.request import AlignmentRequestOptions
from jobs.stages.alignment.vectors import publish_all_vectors


@dataclass(frozen=True, kw_only=True)
class _Options(AlignmentRequestOptions, ScenarioOptions):
    pass


_DETAILS = """\
For each day there are the vectors of all items that came with the log through it. Items whose
content is what it was the day before are not computed again.

  lis vectors --scenario S --as-of 2026-02-23 --aligned-at 2026-01-25 --preference id_embedding
"""


def _run(options: _Options) -> None:
    lake, scenario = Lake.from_environment(), load_scenario(options.scenario)
    publish_all_vectors(lake, scenario, options.request(lake, scenario))


VECTORS = Command(
    name="vectors",
    summary="publish the vectors of all items by encoders that are aligned",
    options=_Options,
    run=_run,
    details=_DETAILS,
)
