"""What ``lis tune`` prints: the candidates as a table, and the block for the scenario."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from jobs.reporting.text_columns import in_ascii, in_columns
from jobs.reporting.wording import between, count, signed
from jobs.tuning.search import Tuning

_HEADER = ("ranker", "AUC", "to default", "interval", "log-loss", "rows/s")


def tuning_text(tuning: Tuning) -> str:
    """The candidates in columns, and the options to put under ``ranker:``, without a last break."""
    lines = [
        (
            _name(one.changed),
            f"{one.to_default.auc_treatment:.4f}",
            signed(one.to_default.difference) if one.changed else "",
            between(one.to_default.ci_low, one.to_default.ci_high) if one.changed else "",
            f"{one.logloss:.4f}",
            "stored" if one.rows_per_second is None else count(round(one.rows_per_second)),
        )
        for one in tuning.candidates
    ]
    default = tuning.candidates[0].to_default
    return in_ascii(
        f"{in_columns(_HEADER, lines, to_the_left={'ranker'})}\n\n"
        f"{count(default.rows)} lineage rows of {count(default.users)} users on "
        f"{len(tuning.measured)} days, {tuning.measured[0]} to {tuning.measured[-1]}, each scored "
        f"before it was trained on; trained from {tuning.days[0]} on\n\n{_advice(tuning)}"
    )


def _name(changed: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in changed.items()) or "default"


def _advice(tuning: Tuning) -> str:
    best = tuning.best
    if not best.changed:
        return (
            "The scenario's own options are the best: no other gains more than one standard error."
        )
    gained = best.to_default
    block = yaml.safe_dump({"ranker": dict(best.changed)}, sort_keys=False).rstrip()
    return (
        "Put this into the scenario; other keys of its ranker stay as they are. The gain is that "
        f"of the best of {len(tuning.candidates)}, so expect a little less.\n\n"
        f"# AUC {gained.auc_baseline:.4f} to {gained.auc_treatment:.4f} "
        f"({signed(gained.difference)}, {between(gained.ci_low, gained.ci_high)})\n{block}"
    )
