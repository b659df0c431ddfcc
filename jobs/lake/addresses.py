"""Where everything lies that a ranker made: ranker versions side by side, none overwritten.

Every table that depends on a ranker has the ranker's version as its first partition key.
Impressions, items and histories depend on the log alone, so they have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum

from jobs.common.day_range import DayRange
from jobs.lake.lake import Lake
from jobs.lake.manifest import digest_of
from jobs.lake.partition import Partition
from jobs.scenarios import Scenario
from jobs.scenarios.custom_code import code_identity

MODEL_REVISION = 2
"""Raised by hand when the ranker's mathematics change, so that old checkpoints are not continued.

It is part of the ranker version and stays manual on purpose. A digest of the code would start a new
lineage, which must be trained from its first day, whenever a line of the training code is edited.
"""

Keys = tuple[tuple[str, str], ...]
RANKER = "ranker"


class VectorState(StrEnum):
    """Which vectors of the items' content: after alignment, or as they were before it."""

    ALIGNED = "aligned"
    UNALIGNED = "unaligned"


def ranker_version(scenario: Scenario) -> str:
    """The name of a ranker design: its network's name, and ten hex digits over what defines it.

    These are options, fields, fold shares, ``MODEL_REVISION``, the source code of a custom network
    (its path does not matter), from when on dense features are known, and where imported item
    vectors come from.

    Raises:
        InputError: If the file or module of the custom network does not exist.
    """
    options = scenario.ranker
    design: list[object] = [
        MODEL_REVISION,
        options.model_dump(mode="json", exclude={"network"}),
        scenario.fields,
        scenario.folds.model_dump(mode="json"),
    ]
    since = {name: scenario.source.known_from(name) for name in options.dense_features}
    if any(since.values()):
        design.append(since)
    name = "dcn"
    if options.network is not None:
        network = code_identity(options.network)
        design.append(network)
        name = network["class"].lower()
    if scenario.snapshots is not None:
        design.append(scenario.snapshots.model_dump(mode="json"))
        name = "imported"
    return f"{name}-{digest_of(*design)[:10]}"


def snapshot_version(scenario: Scenario) -> str:
    """The version of the ranker whose item tables are leaked: trained here, or imported."""
    if scenario.snapshots is None:
        return ranker_version(scenario)
    return f"imported-{digest_of(scenario.snapshots.model_dump(mode='json'))[:10]}"


def ranker_keys(scenario: Scenario) -> Keys:
    """First partition keys of checkpoints, features, predictions and results."""
    return ((RANKER, ranker_version(scenario)),)


def snapshot_keys(scenario: Scenario) -> Keys:
    """Partition keys of snapshots."""
    return ((RANKER, snapshot_version(scenario)),)


def checkpoint_partition(scenario: Scenario, day: date) -> Partition:
    """Partition of M_D: the ranker as of the start of day D, trained on days before D."""
    return Partition("checkpoints", scenario.name, day, ranker_keys(scenario))


def snapshot_partition(scenario: Scenario, day: date) -> Partition:
    """Partition of the item table of M_D, trained here or imported."""
    return Partition("snapshots", scenario.name, day, snapshot_keys(scenario))


def feature_partition(scenario: Scenario, preference: str, as_of: date, horizon: int) -> Partition:
    """Partition of a feature table built from data until ``horizon`` days after ``as_of``.

    Horizon 0 holds what was available at the start of day ``as_of``.
    """
    keys = (*ranker_keys(scenario), ("preference", preference), ("horizon", str(horizon)))
    return Partition("features", scenario.name, as_of, keys)


def starting_ranker_partition(scenario: Scenario, day: date) -> Partition:
    """What probe and retrain mode start from on a day: the checkpoint, or imported item vectors."""
    partition = checkpoint_partition if scenario.snapshots is None else snapshot_partition
    return partition(scenario, day)


def starting_ranker_days(lake: Lake, scenario: Scenario) -> list[date]:
    """Days on which probe and retrain mode have a trained ranker to start from, ascending."""
    if scenario.snapshots is None:
        # The first checkpoint of a lineage is untrained.
        return checkpoint_days(lake, scenario)[1:]
    return lake.days("snapshots", scenario.name, snapshot_keys(scenario))


def checkpoint_days(lake: Lake, scenario: Scenario) -> list[date]:
    """Days D for which the scenario's ranker version has a checkpoint M_D, ascending."""
    return lake.days("checkpoints", scenario.name, ranker_keys(scenario))


def ranker_versions(lake: Lake, scenario: str) -> Mapping[str, DayRange]:
    """Every ranker version that has checkpoints, with the days of its first and last one."""
    spans: dict[str, DayRange] = {}
    for day in lake.days_with_any("checkpoints", scenario):
        for keys in lake.keys_below("checkpoints", scenario, day):
            version = dict(keys)[RANKER]
            first = spans[version].first if version in spans else day
            spans[version] = DayRange(first, day)
    return spans


def gate_partition(scenario: Scenario, preference: str, as_of: date) -> Partition:
    """Partition of the gate's decisions on preference data for an evaluation day."""
    keys = (*ranker_keys(scenario), ("preference", preference))
    return Partition("gate", scenario.name, as_of, keys)


def curated_partition(scenario: Scenario, preference: str, day: date) -> Partition:
    """Partition of the items that an encoder is aligned on, as of the start of a day."""
    keys = (*ranker_keys(scenario), ("preference", preference))
    return Partition("preference_items", scenario.name, day, keys)


def encoder_partition(scenario: Scenario, preference: str, day: date) -> Partition:
    """Partition of the scenario's encoder, aligned on preference data as of the start of a day."""
    return Partition("encoders", scenario.name, day, _encoder_keys(scenario, preference))


def vector_partition(
    scenario: Scenario, preference: str, aligned_at: date, state: VectorState, day: date
) -> Partition:
    """Partition of the vectors of all items that came with the log through a day.

    Args:
        scenario: The scenario, whose encoder counts.
        preference: The kind of preference data that it was aligned on.
        aligned_at: Day of the encoder: it has seen nothing of this day or later.
        state: Whether the vectors are of the aligned encoder, or of the content as it was before.
        day: Last day of items.
    """
    keys = (
        *_encoder_keys(scenario, preference),
        ("aligned_at", aligned_at.isoformat()),
        ("state", state.value),
    )
    return Partition("item_vectors", scenario.name, day, keys)


def encoder_days(lake: Lake, scenario: Scenario, preference: str) -> list[date]:
    """Days on which the scenario's encoder was aligned on a kind of preference data, ascending."""
    return lake.days("encoders", scenario.name, _encoder_keys(scenario, preference))


def encoder_version(scenario: Scenario) -> str:
    """The name of an encoder and of how it is aligned: its name, and ten hex digits over both."""
    options = scenario.alignment
    return f"{options.encoder.name}-{digest_of(options.model_dump(mode='json'))[:10]}"


def _encoder_keys(scenario: Scenario, preference: str) -> Keys:
    return (
        *ranker_keys(scenario),
        ("preference", preference),
        ("encoder", encoder_version(scenario)),
    )
