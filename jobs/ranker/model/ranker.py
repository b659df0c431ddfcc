"""M_D: the ranker as of the start of a day, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import torch
from torch import nn

from jobs.lake.schemas import field_type
from jobs.ranker.model.custom_network import new_network
from jobs.ranker.model.device import default_device
from jobs.ranker.model.embedding_table import EmbeddingTable
from jobs.ranker.model.initial_vectors import initial_vectors
from jobs.ranker.model.item_vectors import ItemVectors, VectorHead
from jobs.ranker.model.training_settings import TrainingSettings, training_settings
from jobs.ranker.model.vocabulary import Vocabulary
from jobs.ranker.model.wide_and_deep import WideAndDeep, statistic_columns
from jobs.scenarios import ITEM, RankerOptions, Scenario


@dataclass
class Ranker:
    """Everything that a day of training changes.

    Attributes:
        options: Hyperparameters.
        vocabularies: Vocabulary of each field, in the order of the embedding table.
        table: Embeddings of all fields.
        network: The deep part on embeddings, and the wide part on statistics.
        optimizer: Optimizer of the deep part.
        device: Where the ranker computes.
        settings: How its last day was trained.
        item_vectors: By name, the tables of item vectors that the network reads besides its
            embeddings; each has a head of its own in the network.
    """

    options: RankerOptions
    vocabularies: dict[str, Vocabulary]
    table: EmbeddingTable
    network: WideAndDeep
    optimizer: torch.optim.Optimizer
    device: torch.device
    settings: TrainingSettings
    item_vectors: dict[str, ItemVectors] = field(default_factory=dict)

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(self.vocabularies)

    @property
    def item_field(self) -> int:
        """Index of the candidate item among the fields."""
        return self.fields.index(ITEM)

    @property
    def vector_names(self) -> tuple[str, ...]:
        """Names of the tables of item vectors, in the order of their inputs."""
        return tuple(self.network.heads_of_vectors)

    @property
    def last_trained(self) -> int:
        """Time of the newest training row, in microseconds since the epoch; -1 if untrained."""
        return int(self.table.last_update.max())

    def prepare_training(self, rows: int) -> None:
        """Choose the settings of a day.

        Args:
            rows: Training rows of the day.
        """
        self.settings = training_settings(self.options, rows)
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.dense_rate

    def add_ids(self, ids: Mapping[str, pa.Array]) -> None:
        """Append an initial embedding row for each new id.

        Args:
            ids: Ids of each field, from training rows only.
        """
        known = {field: len(vocabulary) for field, vocabulary in self.vocabularies.items()}
        self.vocabularies = {
            field: vocabulary.extended(ids[field])
            for field, vocabulary in self.vocabularies.items()
        }
        dim = self.table.embedding.shape[1]
        self.table = self.table.grown(
            {
                field: initial_vectors(
                    vocabulary.ids[known[field] :], field, self.options.seed, dim
                )
                for field, vocabulary in self.vocabularies.items()
            }
        )

    def add_item_vectors(self, name: str, vectors: ItemVectors) -> None:
        """Let the network read item vectors too. The ranker scores the same until it is trained.

        Args:
            name: A name that no other table of the ranker has.
            vectors: Vectors of items.
        """
        self.add_vector_head(name, vectors.dim).read_in(vectors.scale)
        self.item_vectors[name] = vectors

    def add_vector_head(self, name: str, dim: int) -> VectorHead:
        """Add the head of a table of item vectors, untrained; the table is to follow.

        Args:
            name: Name of the table.
            dim: Length of its vectors.
        """
        embeddings = len(self.fields) * self.options.embedding_dim
        head = VectorHead(dim, embeddings, self.options.seed).to(self.device)
        self.network.add_vector_head(name, head)
        before = self.optimizer.state
        self.optimizer = new_optimizer(self.network, self.options, self.settings)
        self.optimizer.state.update(before)
        return head


def new_ranker(scenario: Scenario, device: torch.device | None = None) -> Ranker:
    """Create an untrained ranker: empty vocabularies, dense weights drawn from the seed.

    Raises:
        InputError: If a custom network does not conform to ``RankerNetwork``.
    """
    device = device or default_device()
    fields, options = scenario.fields, scenario.ranker
    vocabularies = {field: Vocabulary.empty(field_type(scenario, field)) for field in fields}
    table = EmbeddingTable.untrained(dict.fromkeys(fields, 0), options.embedding_dim, device)
    statistics = len(statistic_columns(fields)) if options.statistics else 0
    network = new_network(len(fields), fields.index(ITEM), options, statistics).to(device)
    settings = training_settings(options, 0)
    optimizer = new_optimizer(network, options, settings)
    return Ranker(options, vocabularies, table, network, optimizer, device, settings)


def new_optimizer(
    network: nn.Module, options: RankerOptions, settings: TrainingSettings
) -> torch.optim.Optimizer:
    """AdamW for the deep part, its state already allocated so that a checkpoint can fill it."""
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.dense_rate, weight_decay=options.weight_decay
    )
    for parameter in network.parameters():
        optimizer.state[parameter] = {
            "step": torch.zeros(()),
            "exp_avg": torch.zeros_like(parameter),
            "exp_avg_sq": torch.zeros_like(parameter),
        }
    return optimizer
