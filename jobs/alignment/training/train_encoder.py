"""The training of an aligned encoder: epochs, early stopping, and going on after a kill."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from jobs.alignment.aligned_encoder import AlignedEncoder, on_device
from jobs.alignment.training.losses.loss import AlignmentLoss, KeptStates
from jobs.alignment.training.preference_items import Splits
from jobs.alignment.training.recall import Recall
from jobs.alignment.training.step_inputs import StepInputs
from jobs.alignment.training.unfinished import TrainingState, UnfinishedTraining
from jobs.common.errors import InputError
from jobs.ranker.model.device import deterministic, single_thread, training_precision
from jobs.scenarios import Scenario
from jobs.scenarios.alignment_options import AlignmentTraining

CURRICULUM_EPOCHS = 3
"""Epochs in which the items of a curriculum come in order."""
CURRICULUM_PARTS = 4
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


def train_encoder(
    aligned: AlignedEncoder,
    loss: AlignmentLoss,
    splits: Splits,
    scenario: Scenario,
    unfinished: UnfinishedTraining,
) -> list[dict[str, Any]]:
    """Train an encoder until its recall of validation items no longer rises; the best epoch counts.

    On one device the weights depend on the arguments alone, whether training was interrupted or
    not.

    Args:
        aligned: The encoder, which is changed.
        loss: What it is trained towards.
        splits: The items.
        scenario: Gives the options of training, and the precision.
        unfinished: Where the state after each epoch is kept.

    Returns:
        Figures of each epoch: ``epoch``, ``recall_1``, ``recall_10``, ``recall_100``,
        ``recall_mean`` and ``loss``, and ``temperature`` where one is learnt. Epoch 0 is before
        training and has no loss.

    Raises:
        InputError: If the loss is not finite.
    """
    cuda = [aligned.device] if aligned.device.type == "cuda" else []
    with deterministic(), single_thread(aligned.is_small), torch.random.fork_rng(cuda):
        training = _Training(aligned, loss, splits, scenario)
        training.restore(unfinished.load())
        for epoch in training.epochs_left():
            training.run_epoch(epoch)
            unfinished.save(training.state())
        training.take_best()
    return training.figures


@dataclass
class _Training:
    """A training in progress."""

    aligned: AlignedEncoder
    loss: AlignmentLoss
    splits: Splits
    scenario: Scenario
    figures: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        named = {"aligned": self.aligned, "loss": self.loss}
        self._trained: dict[str, nn.Parameter] = {
            f"{part}.{name}": parameter
            for part, module in named.items()
            for name, parameter in module.named_parameters()
            if parameter.requires_grad
        }
        # Such as the running means of a normalisation, which an epoch changes too.
        stored = self.aligned.state_dict().keys()
        self._buffers: dict[str, Tensor] = {
            f"aligned.{name}": buffer
            for name, buffer in self.aligned.named_buffers()
            if name in stored
        }
        self._optimizer = torch.optim.AdamW(self._trained.values(), lr=self._options.rate)
        for parameter in self._trained.values():
            self._optimizer.state[parameter] = {
                "step": torch.zeros(()),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }
        encoder = self.aligned.encoder
        self._inputs = StepInputs(encoder, self.splits.train.content)
        self._validation = StepInputs(encoder, self.splits.validation.content)
        self._keep = None
        if self._options.keep:
            self._keep = KeptStates(self._states(self._inputs), self._options.keep)
        self._best: dict[str, Tensor] = {}

    @property
    def _options(self) -> AlignmentTraining:
        return self.scenario.alignment.training

    def restore(self, state: TrainingState | None) -> None:
        """Take over a stored state; without one, measure the recall before training."""
        if state is None:
            self.figures.append({"epoch": 0, **self._figures()})
            return
        with torch.no_grad():
            for name, tensor in (self._trained | self._buffers).items():
                tensor.copy_(state.weights[name])
            for name, parameter in self._trained.items():
                for moment in _MOMENTS:
                    stored = state.moments[f"{name}/{moment}"]
                    self._optimizer.state[parameter][moment].copy_(stored)
        self._best, self.figures = state.best, state.epochs

    def state(self) -> TrainingState:
        moments = {
            f"{name}/{moment}": self._optimizer.state[parameter][moment]
            for name, parameter in self._trained.items()
            for moment in _MOMENTS
        }
        return TrainingState(dict(self._trained | self._buffers), moments, self._best, self.figures)

    def epochs_left(self) -> Iterator[int]:
        """Numbers of the epochs to run, until recall has not risen for a while."""
        done = len(self.figures) - 1
        interval = 0.1 if sys.stderr.isatty() else 10
        with tqdm(
            total=self._options.epochs,
            initial=done,
            desc=f"align {self.scenario.name}",
            unit="epoch",
            mininterval=interval,
        ) as bar:
            while (epoch := len(self.figures)) <= self._options.epochs:
                if epoch - best_epoch(self.figures) > self._options.patience and epoch > 1:
                    return
                yield epoch
                last = self.figures[-1]
                bar.set_postfix(loss=f"{last['loss']:.3f}", recall=f"{last['recall_mean']:.4f}")
                bar.update()

    def run_epoch(self, epoch: int) -> None:
        """Train on every anchor once, and measure recall.

        Raises:
            InputError: If the loss is not finite.
        """
        draw = np.random.default_rng((self._options.seed, epoch))
        self.aligned.train()
        losses = []
        for number, anchors in enumerate(self._batches(epoch, draw)):
            losses.append(self._step(self.loss.drawn(anchors, draw), (epoch, number)))
        mean = float(torch.stack(losses).mean())
        if not np.isfinite(mean):
            raise InputError(
                f"{self.scenario.name}: the loss of alignment is {mean} in epoch {epoch}: lower "
                f"alignment.training.rate, which is {self._options.rate:g}"
            )
        self.figures.append({"epoch": epoch, "loss": mean, **self._figures()})
        if best_epoch(self.figures) == epoch:
            tensors = self._trained | self._buffers
            self._best = {name: tensor.detach().clone() for name, tensor in tensors.items()}

    def take_best(self) -> None:
        """Take the weights of the best epoch."""
        with torch.no_grad():
            for name, tensor in (self._trained | self._buffers).items():
                tensor.copy_(self._best[name])

    def _batches(self, epoch: int, draw: np.random.Generator) -> list[NDArray[np.int64]]:
        anchors = draw.permutation(self.loss.anchors)
        if self._options.curriculum and epoch <= CURRICULUM_EPOCHS:
            # Items of a part stay shuffled: the sort is stable.
            updates = self.splits.train.updates[anchors]
            limits = np.quantile(updates, np.linspace(0, 1, CURRICULUM_PARTS + 1)[1:-1])
            anchors = anchors[np.argsort(-np.searchsorted(limits, updates), kind="stable")]
        size = max(self._options.batch_size // self.loss.items_per_anchor, 2)
        return np.array_split(anchors, -(-len(anchors) // size))

    def _step(self, items: NDArray[np.int64], number: tuple[int, int]) -> Tensor:
        """Do one training step and return the loss.

        A contrastive loss needs all vectors of a batch. So with several parts the vectors are first
        computed without a graph, and their gradient then goes through one part after the other.
        """
        count = min(self._options.accumulate, len(items))
        parts = np.array_split(np.arange(len(items)), count)
        with torch.set_grad_enabled(count == 1):
            outputs = [self._encoded(items[part], number, part) for part in parts]
        vectors = torch.cat([found for _, found in outputs]).detach().requires_grad_()
        loss = self.loss(vectors, items)
        self._optimizer.zero_grad()
        torch.autograd.backward(loss)
        assert vectors.grad is not None
        for part, output in zip(parts, outputs, strict=True):
            states, found = output if count == 1 else self._encoded(items[part], number, part)
            tensors, gradients = [found], [vectors.grad[torch.from_numpy(part)]]
            if self._keep is not None:
                tensors.append(self._keep.loss(states, items[part]) / len(items))
                gradients.append(torch.ones_like(tensors[-1]))
            torch.autograd.backward(tensors, gradients)
        self._optimizer.step()
        detached: Tensor = loss.detach()
        return detached

    def _encoded(
        self, items: NDArray[np.int64], number: tuple[int, int], part: NDArray[np.int64]
    ) -> tuple[Tensor, Tensor]:
        """States and vectors of some items; both passes of a part drop out the same."""
        seed = np.random.SeedSequence((self._options.seed, *number, int(part[0])))
        torch.manual_seed(int(seed.generate_state(1)[0]))
        device = self.aligned.device
        inputs = on_device(self._inputs.of(items), device)
        with training_precision(self.scenario.ranker.precision, device):
            states = self.aligned.encoder.states(inputs)
        states = states.float()
        return states, self.aligned.unit_vectors(states)

    def _states(self, inputs: StepInputs) -> Tensor:
        """States of all items in fp32, as inference computes them."""
        self.aligned.eval()
        size = self._options.batch_size
        with torch.no_grad():
            return torch.cat(
                [
                    self.aligned.encoder.states(on_device(inputs.of(items), self.aligned.device))
                    for items in np.array_split(np.arange(len(inputs)), -(-len(inputs) // size))
                ]
            )

    def _figures(self) -> dict[str, float]:
        states = self._states(self._validation)
        with torch.no_grad():
            recall: Recall = self.loss.recall(self.aligned.unit_vectors(states))
        temperature = self.loss.temperature
        learnt = {} if temperature is None else {"temperature": temperature}
        return {**recall.as_facts(), **learnt}


def best_epoch(figures: list[dict[str, Any]]) -> int:
    """The first epoch of the highest mean recall; training must have begun, else 0."""
    trained = figures[1:]
    if not trained:
        return 0
    return int(max(trained, key=lambda one: one["recall_mean"])["epoch"])
