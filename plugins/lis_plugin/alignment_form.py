"""The form of a manual run of an alignment: its fields, and what was filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from airflow.sdk import Param

from jobs.ais.terms import HeadName
from jobs.common.day_range import DayRange, parse_day
from jobs.common.errors import InputError
from jobs.common.options import names
from jobs.preference import built_in_kinds
from jobs.scenarios import Scenario
from jobs.stages.alignment.ais import parse_heads
from plugins.lis_plugin.run_form import read_field


@dataclass(frozen=True)
class AlignmentForm:
    """The values of a form; None or empty where a field was left empty.

    Args:
        as_of: Evaluation days.
        preferences: Names of kinds of preference data.
        aligned_at: Day before whose start all lies that an encoder knows.
        heads: How towers read vectors.
        force: Why the data is aligned although no LIS speaks for it.
    """

    as_of: DayRange | None = None
    preferences: tuple[str, ...] = ()
    aligned_at: date | None = None
    heads: tuple[HeadName, ...] = ()
    force: str | None = None

    @classmethod
    def read(cls, params: Mapping[str, Any]) -> AlignmentForm:
        """Read a run's params.

        Raises:
            InputError: If a value cannot be read, the encoder would know its evaluation days, or a
                reason is given and no preference data that it is for.
        """
        form = cls(
            as_of=read_field(params, "as_of", DayRange.parse),
            preferences=read_field(params, "preferences", names) or (),
            aligned_at=read_field(params, "aligned_at", parse_day),
            heads=read_field(params, "heads", parse_heads) or (),
            force=read_field(params, "force", str),
        )
        if form.force is not None and not form.preferences:
            raise InputError("force: name the data that the reason is for, in preferences")
        return form


def alignment_form(scenario: Scenario) -> dict[str, Param]:
    """The fields of a scenario's form. An empty form does what a new LIS would start."""
    return {
        "as_of": Param(
            None,
            type=["null", "string"],
            title="Evaluation date",
            description_md="`2026-01-31`, or `2026-01-25:2026-01-31` for several days and their "
            "pooled result.\n\nEmpty: the newest date with a LIS.",
        ),
        "preferences": Param(
            None,
            type=["null", "array"],
            items={"type": "string"},
            examples=sorted({*(kind.name for kind in built_in_kinds()), *scenario.preferences}),
            title="Preference data",
            description_md="What an encoder is aligned on, an encoder for each. Data that the gate "
            "refuses ends the run.\n\nEmpty: all that the gate lets pass, by the verdicts of the "
            "newest date with a LIS.",
        ),
        "aligned_at": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Day of the encoder",
            description_md="An encoder knows what was there before the start of this day; rankers "
            "are fitted to its vectors from then on.\n\nEmpty: the first day of the fit window of "
            "the first evaluation date.",
        ),
        "heads": Param(
            None,
            type=["null", "array"],
            items={"type": "string"},
            examples=[head.value for head in HeadName],
            title="Heads",
            description_md="How towers read the vectors, a result for each.\n\n- `raw`: the "
            "vector, and its product with those of clicked items\n- `similarity`: cosines with "
            "clicked items\n- `codes`: residual codes\n\nEmpty: `raw`.",
        ),
        "force": Param(
            None,
            type=["null", "string"],
            title="Reason to pass the gate",
            description_md="Aligns the data although no LIS speaks for it. The reason is recorded "
            "with the decision.\n\nEmpty: what the gate refuses is not aligned.",
        ),
    }
