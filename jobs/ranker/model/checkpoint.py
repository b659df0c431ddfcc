"""Checkpoints on disk: tensors as safetensors, ids as Parquet, the rest as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from safetensors.numpy import load_file, save
from torch import Tensor, nn

from jobs.common.errors import InputError
from jobs.lake import Attempt, Lake, Manifest, Partition, Window
from jobs.lake.addresses import checkpoint_partition, ranker_version
from jobs.ranker.model.dense_features import read_dense_features
from jobs.ranker.model.embedding_table import NEVER, Block, EmbeddingTable
from jobs.ranker.model.item_vectors import ItemVectors
from jobs.ranker.model.ranker import Ranker, new_ranker
from jobs.ranker.model.training_settings import TrainingSettings
from jobs.ranker.model.vocabulary import Vocabulary, file_of_ids, tables_of_ids
from jobs.scenarios import Scenario
from jobs.scenarios.hints import lis_command

DENSE = "dense.safetensors"
TABLE = "table.safetensors"
DESCRIPTION = "ranker.json"
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def write_checkpoint(
    lake: Lake,
    scenario: Scenario,
    day: date,
    ranker: Ranker,
    inputs: Mapping[str, str],
    facts: Mapping[str, Any],
) -> Manifest:
    """Publish a ranker as M_D. Equal rankers give equal bytes.

    Args:
        lake: Where to publish.
        scenario: The ranker's scenario.
        day: Day D.
        ranker: Trained on days before D only.
        inputs: Digests of what the checkpoint was made from.
        facts: Figures of the training day, stored in the manifest.

    Raises:
        AuditError: If the ranker was trained on a row of day D or later.
    """
    partition = checkpoint_partition(scenario, day)
    ids = {field: len(vocabulary) for field, vocabulary in ranker.vocabularies.items()}
    newest = ranker.last_trained
    max_ts = None if newest == NEVER else _EPOCH + timedelta(microseconds=newest)
    with lake.attempt([partition]) as attempt:
        write_ranker(attempt, scenario, day, ranker)
        return attempt.publish(
            partition,
            inputs=inputs,
            window=Window.until(datetime.combine(day, time.min), max_ts),
            facts={**facts, "ids": ids, "ranker_version": ranker_version(scenario)},
        )


def write_ranker(
    attempt: Attempt, scenario: Scenario, day: date, ranker: Ranker, former: Manifest | None = None
) -> None:
    """Write the files of M_D to an attempt, see ``write_checkpoint``.

    Args:
        attempt: The attempt.
        scenario: The ranker's scenario.
        day: Day D.
        ranker: Trained on days before D only.
        former: Of M_D as it was published before, if the same files are to be made again.
    """
    description = {
        "ranker_version": ranker_version(scenario),
        "fields": ranker.fields,
        # The path of a custom network is left out, so that equal rankers give equal bytes.
        "options": ranker.options.model_dump(mode="json", exclude={"network"}),
        "settings": asdict(ranker.settings),
        "day": day.isoformat(),
    }
    attempt.write_bytes(DENSE, save(_dense_tensors(ranker)))
    attempt.write_bytes(TABLE, save(_table_tensors(ranker)))
    for name, table in tables_of_ids(ranker.vocabularies, former).items():
        attempt.write_table(name, table)
    content = json.dumps(description, indent=1, sort_keys=True) + "\n"
    attempt.write_bytes(DESCRIPTION, content.encode())


def read_checkpoint(
    lake: Lake,
    scenario: Scenario,
    day: date,
    device: torch.device | None = None,
    *,
    vectors: bool = True,
    known: Mapping[str, ItemVectors] | None = None,
) -> Ranker:
    """Load M_D.

    Args:
        lake: Where it is published.
        scenario: The ranker's scenario.
        day: Day D.
        device: Where the ranker computes; by default the GPU if there is one.
        vectors: Whether to load the embedding table. Without it the table has the right number of
            rows, untrained and of dimension 0.
        known: Dense features as a ranker of an earlier day of the lineage has them, which need not
            be read again.

    Raises:
        InputError: If M_D is not published for the scenario's ranker version, or its files were
            removed to save space; or if an item has a dense feature that cannot be used.
    """
    partition = checkpoint_partition(scenario, day)
    until = day - timedelta(days=1)
    train = lis_command("train", scenario, until=until)
    manifest = lake.require(partition, f"run {train}")
    if not lake.has_files(partition, manifest):
        raise InputError(
            f"the ranker of {day} of {scenario.name} was removed to save space: run "
            f"{lis_command('train', scenario, restore=day)}, which makes the same one again"
        )
    ranker = new_ranker(scenario, device)
    ranker.vocabularies = _read_vocabularies(lake, partition, manifest, ranker.fields)
    if vectors:
        with lake.local_file(partition, TABLE) as path:
            ranker.table = _read_table(path, ranker)
    else:
        sizes = {field: len(vocabulary) for field, vocabulary in ranker.vocabularies.items()}
        ranker.table = EmbeddingTable.untrained(sizes, 0, ranker.device)
    with lake.local_file(partition, DENSE) as path:
        _load_dense(path, ranker)
    ranker.item_vectors.update(known or {})
    read_dense_features(ranker, lake, scenario, day)
    with lake.local_file(partition, DESCRIPTION) as path:
        ranker.settings = TrainingSettings(**json.loads(path.read_text())["settings"])
    return ranker


def _dense_tensors(ranker: Ranker) -> dict[str, np.ndarray]:
    tensors = {}
    for name, parameter in ranker.network.named_parameters():
        tensors[f"parameter.{name}"] = _host(parameter)
        for moment in _MOMENTS:
            tensors[f"{moment}.{name}"] = _host(ranker.optimizer.state[parameter][moment])
    for name, buffer in _stored_buffers(ranker.network).items():
        tensors[f"buffer.{name}"] = _host(buffer)
    return tensors


def _stored_buffers(network: nn.Module) -> dict[str, Tensor]:
    """Persistent buffers of a network, such as the running means of a normalisation."""
    stored = network.state_dict().keys()
    return {name: buffer for name, buffer in network.named_buffers() if name in stored}


def _load_dense(path: Path, ranker: Ranker) -> None:
    stored = load_file(path)
    for name in ranker.options.dense_features:
        # A feature has a head from the first day on that showed an item with a vector.
        centre = stored.get(f"buffer.vector_heads.of_{name}.centre")
        if centre is not None:
            ranker.add_vector_head(name, len(centre))
    with torch.no_grad():
        for name, parameter in ranker.network.named_parameters():
            parameter.copy_(torch.from_numpy(stored[f"parameter.{name}"]))
            for moment in _MOMENTS:
                state = ranker.optimizer.state[parameter][moment]
                state.copy_(torch.from_numpy(stored[f"{moment}.{name}"]))
        for name, buffer in _stored_buffers(ranker.network).items():
            buffer.copy_(torch.from_numpy(stored[f"buffer.{name}"]))


def _table_tensors(ranker: Ranker) -> dict[str, np.ndarray]:
    return {
        f"{field}.{name}": values
        for field in ranker.fields
        for name, values in vars(ranker.table.block(field)).items()
    }


def _read_table(path: Path, ranker: Ranker) -> EmbeddingTable:
    stored = load_file(path)
    blocks = {
        field: Block(**{name: stored[f"{field}.{name}"] for name in Block.__dataclass_fields__})
        for field in ranker.fields
    }
    return EmbeddingTable(blocks, ranker.device)


def _read_vocabularies(
    lake: Lake, partition: Partition, manifest: Manifest, fields: Sequence[str]
) -> dict[str, Vocabulary]:
    columns: dict[str, dict[str, str]] = {}
    for field in fields:
        name, column = file_of_ids(manifest, field)
        columns.setdefault(name, {})[field] = column
    found = {}
    for name, of_fields in columns.items():
        with lake.local_file(partition, name) as path:
            table = pq.ParquetFile(path).read()
        for field, column in of_fields.items():
            found[field] = Vocabulary(table[column].combine_chunks().drop_null())
    return {field: found[field] for field in fields}


def _host(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
