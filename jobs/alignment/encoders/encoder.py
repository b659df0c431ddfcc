"""What a content encoder is: it turns the content of items into states, one vector each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
from torch import Tensor, nn

from jobs.alignment.encoders.pictures import Pictures
from jobs.scenarios.alignment_options import EncoderOptions

Inputs = Mapping[str, Tensor]
"""Inputs of some items by name; the first dimension of each is the items."""


class ContentEncoder(nn.Module, ABC):
    """Turns the content of items into states.

    An encoder is a module: its parameters that require gradients are what alignment trains, its
    others stay frozen. ``jobs.alignment.encoders.registry`` finds it by name.

    Attributes:
        width: Length of a state.
        pretrained: Names of the parameters that stay as the pretrained model has them. They are not
            stored with the encoder.
    """

    width: int
    pretrained: frozenset[str] = frozenset()

    @classmethod
    @abstractmethod
    def new(cls, options: EncoderOptions, sample: pa.Table, pictures: Pictures) -> Self:
        """Make an encoder that has not been aligned. The registry has seeded torch.

        Args:
            options: The scenario's options of encoders.
            sample: Rows of ``jobs.lake.schemas.items``, which tell such as the length of vectors.
            pictures: Opens the pictures of items.

        Raises:
            InputError: If the model that the options name cannot be used.
        """

    @classmethod
    @abstractmethod
    def restore(
        cls, settings: Mapping[str, Any], folder: Path, options: EncoderOptions, pictures: Pictures
    ) -> Self:
        """Build a stored encoder again. The registry then loads its weights.

        Args:
            settings: As ``settings`` returned them.
            folder: The stored encoder, with the files that ``save_files`` wrote.
            options: Say where the pretrained model lies, if the encoder has one.
            pictures: Opens the pictures of items.

        Raises:
            InputError: If the pretrained model is not the one that the encoder was made from.
        """

    @abstractmethod
    def inputs(self, items: pa.Table) -> Inputs:
        """Read the content of items: tokens, pictures, vectors. On the CPU.

        Args:
            items: ``item_id`` and the columns of content of ``jobs.lake.schemas.items``, each of
                which may be null in any row, or absent.

        Raises:
            InputError: If content cannot be read, such as a picture that does not open.
        """

    @abstractmethod
    def states(self, inputs: Inputs) -> Tensor:
        """Compute the states of items.

        Args:
            inputs: As ``inputs`` returns them, on the device of the module.

        Returns:
            float32, (items, width). A state depends on the content of its item alone.
        """

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """What ``restore`` needs to build the module again, besides its weights and files.

        Plain values for JSON. They name no file outside the stored encoder: a pretrained model is
        known by the digest of its weights, and found where the scenario says.
        """

    def save_files(self, folder: Path) -> None:
        """Write further files that ``restore`` needs, such as those of a tokenizer."""
