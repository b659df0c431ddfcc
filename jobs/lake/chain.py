"""The chain of days: a digest per day over its impressions and those of all days before it.

Whatever depends on the past of a day (its histories, the lineage) names this digest as its input,
so a late row in an old day makes everything after it stale, and nothing before it.
"""

from __future__ import annotations

from datetime import date

from jobs.lake.lake import Lake
from jobs.lake.manifest import digest_of
from jobs.lake.partition import Partition


def chain_digests(lake: Lake, scenario: str) -> dict[date, str]:
    """Digest of the log through each ingested day, in order of days."""
    digests: dict[date, str] = {}
    before = ""
    for day in lake.days("impressions", scenario):
        manifest = lake.manifest(Partition("impressions", scenario, day))
        if manifest is not None:
            before = digest_of(before, day.isoformat(), manifest.digest)
            digests[day] = before
    return digests
