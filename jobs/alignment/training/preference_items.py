"""The items that an encoder is aligned on, read from the table ``preference_items``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from jobs.alignment.split import Split
from jobs.common.errors import InputError
from jobs.lake import Lake, Manifest
from jobs.lake.addresses import curated_partition
from jobs.lake.schemas import CONTENT
from jobs.ranker.model.vocabulary import Vocabulary
from jobs.scenarios import Scenario
from jobs.scenarios.hints import lis_command


@dataclass(frozen=True, eq=False)
class Positives:
    """The items that belong to each item, as one flat list.

    Attributes:
        starts: int64, (items + 1,). Those of item i are ``rows[starts[i] : starts[i + 1]]``.
        rows: int64, (pairs,). Rows of the same split.
    """

    starts: NDArray[np.int64]
    rows: NDArray[np.int64]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Number of positives of each item, (items,)."""
        return np.diff(self.starts)


@dataclass(frozen=True, eq=False)
class PreferenceItems:
    """The items of one split. It has either targets or positives.

    Attributes:
        content: ``item_id`` and the columns of content.
        targets: float32, (items, length).
        positives: The items that belong together.
        updates: int64, (items,). Number of updates that the item's preference data rests on.
    """

    content: pa.Table
    targets: NDArray[np.float32] | None
    positives: Positives | None
    updates: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.updates)


@dataclass(frozen=True, eq=False)
class Splits:
    """Both splits of curated preference data, and the manifest that they were published with."""

    train: PreferenceItems
    validation: PreferenceItems
    manifest: Manifest


def read_splits(lake: Lake, scenario: Scenario, preference: str, day: date) -> Splits:
    """Read the curated items of a kind of preference data as of the start of a day.

    Args:
        lake: Where they are published.
        scenario: The scenario.
        preference: Name of the kind.
        day: Day S.

    Raises:
        InputError: If they are not published, there are too few of them, or a target is missing,
            not finite or of another length than the others.
    """
    manifest = require_curated(lake, scenario, preference, day)
    table = lake.read(curated_partition(scenario, preference, day)).sort_by("item_id")
    found = {
        split: _of_split(table.filter(pc.equal(table["split"], split.value)), preference, day)
        for split in Split
    }
    train, validation = found[Split.TRAIN], found[Split.VALIDATION]
    fewest = scenario.alignment.curation.min_validation
    if len(validation) < fewest:
        raise InputError(
            f"{preference} as of {day}: {len(validation)} validation items, and recall needs "
            f"alignment.curation.min_validation = {fewest}: lower min_updates, or choose a later "
            "--aligned-at"
        )
    if len(train) < 2:
        raise InputError(
            f"{preference} as of {day}: {len(train)} items to train on: lower "
            "alignment.curation.min_updates or alignment.curation.validation"
        )
    return Splits(train, validation, manifest)


def require_curated(lake: Lake, scenario: Scenario, preference: str, day: date) -> Manifest:
    """The manifest of the curated items.

    Raises:
        InputError: If there is none; the message names the command that curates.
    """
    later = day + timedelta(days=1)
    command = lis_command(
        "stage curate", scenario, preference=preference, aligned_at=day, as_of=later
    )
    return lake.require(curated_partition(scenario, preference, day), f"run {command} first")


def _of_split(table: pa.Table, preference: str, day: date) -> PreferenceItems:
    content = table.select(["item_id", *(name for name, _ in CONTENT)])
    updates = table["updates"].fill_null(0).to_numpy()
    if table["target"].null_count < len(table) or not len(table):
        targets = _checked_targets(table, preference, day)
        return PreferenceItems(content, targets, None, updates)
    return PreferenceItems(content, None, _positives(table), updates)


def _checked_targets(table: pa.Table, preference: str, day: date) -> NDArray[np.float32]:
    column = table["target"].combine_chunks()
    lengths = pc.list_value_length(column).fill_null(0).to_numpy()
    if not len(table):
        return np.empty((0, 0), np.float32)
    width = int(lengths[0])
    if not width or (lengths != width).any():
        number = int((lengths != width).argmax())
        raise InputError(
            f"{preference} as of {day}: target of item {table['item_id'][number]} has "
            f"{lengths[number]} numbers, others have {width}: build the preference data again"
        )
    flat = column.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    targets: NDArray[np.float32] = flat.reshape(len(table), width)
    is_bad = ~np.isfinite(targets).all(axis=1)
    if is_bad.any():
        item = table["item_id"][int(is_bad.argmax())]
        raise InputError(
            f"{preference} as of {day}: target of item {item} has a number that is not finite "
            f"({int(is_bad.sum())} items in all): correct the preference data and build it again"
        )
    return targets


def _positives(table: pa.Table) -> Positives:
    """Rows of the positives. Those that are not of the split, and an item itself, are left out."""
    lists = table["positives"].combine_chunks()
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy()
    owner = np.repeat(np.arange(len(table)), lengths)
    rows = Vocabulary(table["item_id"].combine_chunks()).rows(lists.flatten())
    is_kept = (rows >= 0) & (rows != owner)
    counts = np.bincount(owner[is_kept], minlength=len(table))
    return Positives(np.concatenate([[0], np.cumsum(counts)]), rows[is_kept])
