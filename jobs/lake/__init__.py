"""The lake: table contracts, and how a table is published (attempt, audit, manifest)."""

from jobs.lake.attempt import Attempt
from jobs.lake.lake import Lake
from jobs.lake.manifest import Manifest, StoredFile, Window
from jobs.lake.partition import Partition
from jobs.lake.read_check import ReadCheck

__all__ = ["Attempt", "Lake", "Manifest", "Partition", "ReadCheck", "StoredFile", "Window"]
