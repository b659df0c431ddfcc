"""``lis align``: curate, align and publish vectors in one command."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.cli.command import Command, ScenarioOptions
from jobs.lake import Lake
from jobs.scenarios import load_scenario
from jobs.stages.alignment.align import align_encoders
from jobs.stages.alignment.curate import curate_items
from jobs.stages.alignment.request import AlignmentRequestOptions
from jobs.stages.alignment.vectors import publish_all_vectors


@dataclass(frozen=True, kw_only=True)
class _Options(AlignmentRequestOptions, ScenarioOptions):
    pass


_DETAILS = """\
What is current is left as it is; what was interrupted goes on. The DAG of alignment asks the gate
first: see `lis gate`.

  lis align --scenario S --as-of 2026-02-22 --preference id_embedding
"""


def _run(options: _Options) -> None:
    lake, scenario = Lake.from_environment(), load_scenario(options.scenario)
    request = options.request(lake, scenario)
    curate_items(lake, scenario, request)
    align_encoders(lake, scenario, request)
    publish_all_vectors(lake, scenario, request)


ALIGN = Command(
    name="align",
    summary="align the content encoder with preference data; publish the items' vectors",
    options=_Options,
    run=_run,
    details=_DETAILS,
)
