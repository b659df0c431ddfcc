"""The digest chain of the log: one digest per day over all impressions up to that day.

Tables that depend on the past of a day (histories, the lineage) have this digest as an input, so a
late row in an old day makes that day and all later ones stale, but none before it.
"""

from __future__ import annotations

from datetime import date

from jobs.lake.lake import Lake
from jobs.lake.manifest import digest_of
from jobs.lake.partition import Partition


def chain_digests(lake: Lake, scenario: str) -> dict[date, str]:
    """Digest of the log through each ingested day, ascending by day."""
    digests: dict[date, str] = {}
    before = ""
    for day in lake.days("impressions", scenario):
        manifest = lake.manifest(Partition("impressions", scenario, day))
        if manifest is not None:
            before = digest_of(before, day.isoformat(), manifest.digest)
            digests[day] = before
    return digests
