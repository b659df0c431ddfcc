"""What ``lis scenario check`` prints of a log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jobs.common.secrets import without_password
from jobs.scenarios import Scenario
from jobs.scenarios.hints import ingest_command, lis_command
from jobs.sources.profile.log_profile import LogProfile, days_to_score, suggested_days

_MOST_REASONS = 5


def profile_text(scenario: Scenario, found: LogProfile, raw: str | None) -> str:
    """How a log is read, what may be wrong, and the commands that follow.

    Args:
        scenario: How it is read.
        found: What was read.
        raw: Where the log is, if the user has said it.
    """
    return "\n".join(_lines(scenario, found, raw))


def _lines(scenario: Scenario, found: LogProfile, raw: str | None) -> Iterator[str]:
    form = {"csv": "CSV", "parquet": "Parquet"}[found.form]
    yield f"{scenario.given_as}: {_number(found.files, f'{form} file')} in {found.place}"
    yield ""
    header = ("role", "column", "stored as", "first values", "read as")
    rows = [header]
    for one in found.columns:
        for number, (stored, read) in enumerate(one.values):
            named = (one.role, str(one.column), one.stored) if number == 0 else ("", "", "")
            rows.append((*named, stored, read))
    yield from _table(rows)
    if scenario.source.reader == "table" and scenario.source.columns.impression_id is None:
        yield "impression_id is derived from user, item and time"
    if found.unmapped:
        yield f"not used: {', '.join(found.unmapped)}"
    if found.item_files is not None:
        yield f"items: {_number(found.item_files, 'file')}"
    yield ""
    yield f"days: {found.days.first} to {found.days.last} ({len(found.days)})"
    valid = sum(found.labels.values())
    all_or_first = "all" if found.is_whole else "the first"
    yield (
        f"of {all_or_first} {found.rows:,} rows, {valid:,} are impressions: "
        f"{found.users:,} users, {found.items:,} items"
    )
    labels = ", ".join(
        f"{label}: {count:,} ({count / valid:.1%})" for label, count in sorted(found.labels.items())
    )
    yield f"labels: {labels}"
    if rejected := sum(found.reasons.values()):
        yield f"quarantined: {rejected:,}"
        for reason, count in list(found.reasons.items())[:_MOST_REASONS]:
            yield f"  {count:,}: {reason}"
        if len(found.reasons) > _MOST_REASONS:
            yield f"  and {len(found.reasons) - _MOST_REASONS} more reasons"
    for warning in found.warnings:
        yield f"warning: {warning}"
    yield ""
    yield "The log can be ingested. If the columns above are right:"
    yield f"  {without_password(ingest_command(scenario, raw))}"
    yield f"  {lis_command('train', scenario)}"
    possible = days_to_score(found.days, scenario.horizons)
    if possible is not None:
        days = suggested_days(found, scenario.horizons)
        yield f"  {lis_command('lis', scenario, as_of=days)}"
        yield f"Days that can be scored at {_horizons(scenario.horizons)}: {possible}"


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _horizons(horizons: Sequence[int]) -> str:
    return f"horizon{'' if len(horizons) == 1 else 's'} {', '.join(map(str, horizons))}"
