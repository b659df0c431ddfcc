"""Aligns the scenario's encoder with preference data as of the start of a day, and publishes it."""

from __future__ import annotations

import logging
import time as clock
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

import torch

from jobs.alignment.aligned_encoder import AlignedEncoder, write_encoder
from jobs.alignment.encoders.registry import encoder_module, new_encoder
from jobs.alignment.training.adaptor import adaptor_inputs, train_adaptor
from jobs.alignment.training.losses.new_loss import new_loss
from jobs.alignment.training.placement import fitted_placement
from jobs.alignment.training.preference_items import Splits, read_splits, require_curated
from jobs.alignment.training.train_encoder import best_epoch, train_encoder
from jobs.alignment.training.unfinished import UnfinishedTraining
from jobs.common.code_digest import code_digest
from jobs.lake import Lake, Manifest, Window
from jobs.lake.addresses import encoder_partition, encoder_version
from jobs.lake.manifest import digest_of
from jobs.preference import preference_kind
from jobs.ranker.model.device import default_device
from jobs.scenarios import Mode, Scenario

log = logging.getLogger("jobs")


def align(lake: Lake, scenario: Scenario, preference: str, day: date) -> Manifest:
    """Publish the scenario's encoder, aligned with a kind of preference data.

    An encoder that is current is left as it is. A training that was killed goes on after its last
    finished epoch.

    Args:
        lake: Holds the curated items; the encoder is published to it.
        scenario: The scenario, with its options of alignment.
        preference: Name of the kind.
        day: Day S. The encoder knows nothing of this day or later.

    Returns:
        The encoder's manifest. Its facts have the figures of every epoch as ``by_epoch``, and those
        of the best one: ``best_epoch``, ``recall_1``, ``recall_10``, ``recall_100``,
        ``recall_mean``, ``temperature``. ``epochs``, ``trained`` and ``validated`` are numbers of
        epochs and items. ``length`` is that of its vectors, and ``in_slot`` tells whether they can
        stand in for the ranker's item embeddings, of which they tell the share ``explained``.

    Raises:
        InputError: If the preference data is not curated or cannot be used, the encoder's model
            cannot be used, or an adaptor is to be trained and no ranker lies before the day.
    """
    partition = encoder_partition(scenario, preference, day)
    inputs = _inputs(lake, scenario, preference, day)
    unfinished = UnfinishedTraining(lake.storage, partition, inputs)
    published = lake.manifest(partition)
    if published is not None and published.inputs == inputs:
        unfinished.remove()
        return published
    splits = read_splits(lake, scenario, preference, day)
    started = clock.monotonic()
    with lake.attempt([partition]) as attempt:
        aligned, facts = _aligned(scenario, preference, splits, unfinished)
        newest = splits.manifest.window.max_ts if splits.manifest.window else None
        if _stands_in(scenario, preference) and splits.train.targets is not None:
            placed = fitted_placement(aligned, splits)
            aligned.placement = placed.layer.to(aligned.device)
            facts["explained"] = placed.explained
        if scenario.alignment.training.adaptor:
            facts["adaptor"] = train_adaptor(lake, scenario, aligned, day)
        facts["length"] = aligned.length
        facts["in_slot"] = aligned.placement is not None
        write_encoder(attempt, aligned, day)
        manifest = attempt.publish(
            partition,
            inputs=inputs,
            window=Window.until(datetime.combine(day, time.min), _parsed(newest)),
            facts=facts,
        )
    unfinished.remove()
    log.info(
        "%s: encoder %s aligned with %s as of %s: recall %.4f in epoch %d of %d, %.0f s",
        scenario.name,
        encoder_version(scenario),
        preference,
        day,
        facts["recall_mean"],
        facts["best_epoch"],
        facts["epochs"],
        clock.monotonic() - started,
    )
    return manifest


def _stands_in(scenario: Scenario, preference: str) -> bool:
    """Whether the preference data is of the space of the ranker's item embeddings."""
    kind = preference_kind(preference, scenario)
    return Mode.SWAP in kind.modes and kind.keyed_by == "item" and scenario.snapshots is None


def _inputs(lake: Lake, scenario: Scenario, preference: str, day: date) -> dict[str, str]:
    """What decides whether an encoder is current."""
    options = scenario.alignment
    inputs = {
        "items": require_curated(lake, scenario, preference, day).digest,
        "options": digest_of(options.model_dump(mode="json"), scenario.ranker.precision),
        "code": code_digest(__name__, encoder_module(options.encoder.name)),
    }
    if options.training.adaptor:
        inputs |= adaptor_inputs(lake, scenario, day)
    return inputs


def _aligned(
    scenario: Scenario, preference: str, splits: Splits, unfinished: UnfinishedTraining
) -> tuple[AlignedEncoder, dict[str, Any]]:
    """Train a new encoder, or go on with one; returns it with the facts of its manifest."""
    options = scenario.alignment
    # Of training items alone: what an encoder learns from the sample, it learns from no validation
    # item.
    encoder = new_encoder(scenario, splits.train.content)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.training.seed)
        aligned = AlignedEncoder(encoder, options.encoder.dim)
        loss = new_loss(options.training, splits, options.encoder.dim, preference)
    device = default_device()
    by_epoch = train_encoder(aligned.to(device), loss.to(device), splits, scenario, unfinished)
    best = best_epoch(by_epoch)
    return aligned, {
        **_of_best(by_epoch, best),
        "best_epoch": best,
        "by_epoch": by_epoch,
        "encoder_version": encoder_version(scenario),
        "epochs": len(by_epoch) - 1,
        "preference": preference,
        "trained": len(splits.train),
        "validated": len(splits.validation),
    }


def _of_best(by_epoch: Sequence[Mapping[str, Any]], best: int) -> dict[str, Any]:
    return {name: value for name, value in by_epoch[best].items() if name not in ("epoch", "loss")}


def _parsed(ts: str | None) -> datetime | None:
    return None if ts is None else datetime.fromisoformat(ts)
