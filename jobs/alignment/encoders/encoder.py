"""What a content encoder is: it turns the content of items into states, one vector each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from torch import Tensor, nn

Inputs = Mapping[str, Tensor]
"""Inputs of some items by name; the first dimension of each is the items."""


class ContentEncoder(nn.Module, ABC):
    """Turns the content of items into states.

    An encoder is a module: its parameters that require gradients are what alignment trains, its
    others stay frozen. ``jobs.alignment.encoders.registry`` finds it by name.

    Attributes:
        width: Length of a state.
    """

    width: int

    @abstractmethod
    def inputs(self, items: pa.Table) -> Inputs:
        """Read the content of items: tokens, pictures, vectors. On the CPU.

        Args:
            items: ``item_id`` and the columns of content of ``jobs.lake.schemas.items``, each of
                which may be null in any row.

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
        """What ``registry.load_encoder`` needs to build the module again, besides its weights.

        Plain values for JSON. They name no file outside the stored encoder: what a tokenizer or a
        model's configuration holds is among them.
        """
