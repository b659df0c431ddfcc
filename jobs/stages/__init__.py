"""The stages of a run, in the order in which a DAG takes them. Each is one object in one file."""

from __future__ import annotations

from typing import Any

from jobs.stages.alignment.ais import AIS
from jobs.stages.alignment.align import ALIGN
from jobs.stages.alignment.curate import CURATE
from jobs.stages.alignment.gate import GATE
from jobs.stages.alignment.vectors import VECTORS
from jobs.stages.assemble import ASSEMBLE
from jobs.stages.ingest import INGEST
from jobs.stages.log import LOG
from jobs.stages.report import REPORT
from jobs.stages.score import SCORE
from jobs.stages.simulate import SIMULATE
from jobs.stages.stage import Stage
from jobs.stages.train import TRAIN
from jobs.stages.upkeep.janitor import JANITOR

STAGES: tuple[Stage[Any], ...] = (SIMULATE, INGEST, TRAIN, ASSEMBLE, SCORE, REPORT, LOG)
"""The stages of a daily run."""

ALIGNMENT_STAGES: tuple[Stage[Any], ...] = (GATE, CURATE, ALIGN, VECTORS, AIS)
"""The stages of an alignment."""

UPKEEP_STAGES: tuple[Stage[Any], ...] = (JANITOR,)
"""The stages of the upkeep of a lake."""
