"""The name of a ranker design, under which its checkpoints, snapshots and scores are kept.

Spark jobs address the same partitions and do not import this package, so the names are made in
``jobs.lake.rankers``.
"""

from jobs.lake.rankers import (
    MODEL_REVISION,
    DaySpan,
    checkpoint_days,
    checkpoint_partition,
    ranker_keys,
    ranker_version,
    ranker_versions,
    snapshot_keys,
    snapshot_partition,
    snapshot_version,
)

__all__ = [
    "MODEL_REVISION",
    "DaySpan",
    "checkpoint_days",
    "checkpoint_partition",
    "ranker_keys",
    "ranker_version",
    "ranker_versions",
    "snapshot_keys",
    "snapshot_partition",
    "snapshot_version",
]
