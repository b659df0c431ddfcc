"""The commands, in the order of the help. Each is one object in one file."""

from __future__ import annotations

from typing import Any

from jobs.cli.command import Command, CommandGroup
from jobs.cli.commands.alignment.ais import AIS
from jobs.cli.commands.alignment.align import ALIGN
from jobs.cli.commands.alignment.gate import GATE
from jobs.cli.commands.alignment.vectors import VECTORS
from jobs.cli.commands.compare import COMPARE
from jobs.cli.commands.completion import COMPLETION
from jobs.cli.commands.ingest import INGEST
from jobs.cli.commands.lis import LIS
from jobs.cli.commands.preference import PREFERENCE
from jobs.cli.commands.report import REPORT
from jobs.cli.commands.scenario import SCENARIO
from jobs.cli.commands.simulate import SIMULATE
from jobs.cli.commands.slots import SLOTS
from jobs.cli.commands.stage import STAGE
from jobs.cli.commands.train import TRAIN
from jobs.cli.commands.tune import TUNE
from jobs.cli.commands.upkeep.janitor import JANITOR
from jobs.cli.commands.upkeep.log import LOG
from jobs.cli.commands.upkeep.rebuild import REBUILD
from jobs.cli.commands.upkeep.status import STATUS

COMMANDS: tuple[Command[Any] | CommandGroup, ...] = (
    SCENARIO,
    SIMULATE,
    INGEST,
    TRAIN,
    STATUS,
    TUNE,
    LIS,
    COMPARE,
    PREFERENCE,
    SLOTS,
    GATE,
    ALIGN,
    VECTORS,
    AIS,
    REPORT,
    REBUILD,
    LOG,
    JANITOR,
    STAGE,
    COMPLETION,
)
