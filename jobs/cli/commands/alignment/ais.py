"""``lis ais``: what aligned encoders bring, in one command."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.ais.terms import AisMode
from jobs.cli.command import Command, ScenarioOptions
from jobs.cli.shown_results import review_line
from jobs.common.errors import DamagedFile, InputError
from jobs.common.options import flag
from jobs.lake import Lake
from jobs.scenarios import Scenario, load_scenario
from jobs.stages.alignment.ais import AisOptions, score_aligned
from jobs.stages.alignment.request import AlignmentRequest
from jobs.stages.report import write_report
from jobs.stages.score import pooled_or_all
from jobs.stages.upkeep.board import publish_board

if TYPE_CHECKING:
    from jobs.ais.ais_result import AisResult

log = logging.getLogger("jobs")


@dataclass(frozen=True, kw_only=True)
class _Options(AisOptions, ScenarioOptions):
    json: bool = flag("print results as JSON, all fields")


_DETAILS = """\
Needs encoders: lis align. Rankers with the aligned vectors, with the content as it was before
alignment, with shuffled content and with the leaked data itself have the same head and rows. A
result whose inputs have not changed is read back and not computed again.

  lis align --scenario S --as-of 2026-01-31 --preference id_embedding
  lis ais --scenario S --as-of 2026-01-31 --preference id_embedding --horizons 7
  lis ais --scenario S --as-of 2026-01-31 --preference id_embedding --head raw,similarity,codes
  lis ais --scenario S --as-of 2026-01-31 --preference id_embedding --mode probe,lineage
"""


def _run(options: _Options) -> None:
    from jobs.reporting.ais_text import ais_notes, ais_table
    from jobs.tracking.spool.log_spooled import log_improvements

    lake, scenario = Lake.from_environment(), load_scenario(options.scenario)
    request, results = score_aligned(lake, scenario, options)
    log.info("%s: %d results; writing the report, logging to MLflow", scenario.name, len(results))
    page = _page(lake, scenario, request, results)
    runs = log_improvements(lake, scenario, pooled_or_all(results))
    publish_board(lake, scenario, request.days)
    if options.json:
        print(json.dumps([result.to_dict() for result in results], indent=1))
    else:
        print(ais_table(pooled_or_all(results)))
        print(f"\n{ais_notes(pooled_or_all(results))}")
    print(
        f"report: {page or 'none'}\n{review_line(runs[-1].url if runs else None)}", file=sys.stderr
    )


def _page(
    lake: Lake, scenario: Scenario, request: AlignmentRequest, results: Sequence[AisResult]
) -> Path | None:
    """The report; None if lineages alone were scored, and there is no LIS that it could be on."""
    try:
        return write_report(lake, scenario, request.days)
    except DamagedFile:
        raise
    except InputError as error:
        if any(one.mode != AisMode.LINEAGE for one in results):
            raise
        log.warning("no report, as it begins with a LIS: %s", error)
        return None


AIS = Command(
    name="ais",
    summary="score what aligned encoders bring; log to MLflow; write a report",
    options=_Options,
    run=_run,
    details=_DETAILS,
)
