"""Options of alignment: which items a content encoder is aligned on, which encoder, and how."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, model_validator

from jobs.scenarios.base import Frozen

LONGEST_VECTOR = 99
"""Aligned vectors have less than 100 dimensions, as in arXiv 2508.04963."""


class Loss(StrEnum):
    """What an aligned vector is trained towards: see ``jobs.alignment.training.losses``."""

    COSINE = "cosine"
    CONTRASTIVE = "contrastive"
    PAIRS = "pairs"


class CurationOptions(Frozen):
    """Which items are preference data, and how they are split."""

    min_updates: int = Field(
        20,
        ge=0,
        description="updates of an item's embedding from which it is trusted as a target; "
        "arXiv 2508.04963 uses 10,000",
    )
    balance: int = Field(
        1000,
        ge=1,
        description="matches of a metadata entry from which its items are thinned out",
    )
    validation: float = Field(
        0.1, gt=0, lt=1, description="share of the items that validate the encoder; never trained"
    )
    min_validation: int = Field(
        100, ge=2, description="fewest validation items; recall of fewer says little"
    )


class EncoderOptions(Frozen):
    """The content encoder, and what of it is trained."""

    name: str = Field(
        "small",
        description="small: a text transformer trained from scratch, with the items' vectors; "
        "text: an encoder of transformers; vision_language: a vision-language model of "
        "transformers; image_text: an image encoder fused late with a text encoder",
    )
    model: str | None = Field(
        None,
        description="folder or hub name of the model, or minilm, which make setup-encoders brings; "
        "not for small, which has none; for image_text it may be left out: minilm",
    )
    image_model: str | None = Field(
        None,
        description="folder or hub name of the image encoder of image_text (default: "
        "efficientnet_lite0, which make setup-encoders brings)",
    )
    lora_rank: int = Field(
        8, ge=0, le=256, description="rank of LoRA in a pretrained model; 0 trains all its weights"
    )
    max_tokens: int = Field(64, ge=4, le=4096, description="tokens of an item that are read")
    dim: int = Field(
        16, ge=2, le=LONGEST_VECTOR, description="length of an aligned vector, less than 100"
    )


class AlignmentTraining(Frozen):
    """How an encoder is aligned."""

    loss: Loss | None = Field(
        None,
        description="cosine: towards the target vector; contrastive: the item's target among those "
        "of the batch; pairs: the items that belong together; null: contrastive, or pairs where "
        "the preference data is lists of items",
    )
    keep: float = Field(
        0.0,
        ge=0,
        description="weight of the distance to the encoder's first states, which keeps what it "
        "knew",
    )
    hard_negatives: int = Field(
        0, ge=0, le=256, description="nearest targets that join each batch as negatives; 0: none"
    )
    curriculum: bool = Field(
        False, description="whether items with the most updates come first in the first epochs"
    )
    adaptor: bool = Field(
        False,
        description="whether an adaptor is trained on the frozen states through the frozen ranker, "
        "on fit rows before the day of alignment (arXiv 2603.01590)",
    )
    epochs: int = Field(20, ge=1, description="maximum passes over the items")
    patience: int = Field(
        4, ge=1, description="epochs without a better mean recall before training ends"
    )
    batch_size: int = Field(256, ge=2, description="items of a training step")
    accumulate: int = Field(
        1, ge=1, description="parts in which a batch is computed, to save memory"
    )
    rate: float = Field(1e-3, gt=0, description="learning rate of AdamW")
    seed: int = Field(0, description="seed of initial weights and of the order of items")


class AlignmentOptions(Frozen):
    """How preference data becomes an aligned encoder."""

    curation: CurationOptions = Field(
        CurationOptions(), description="which items are preference data"
    )
    encoder: EncoderOptions = Field(EncoderOptions(), description="the content encoder")
    training: AlignmentTraining = Field(AlignmentTraining(), description="how it is aligned")

    @model_validator(mode="after")
    def _model_is_named(self) -> AlignmentOptions:
        encoder = self.encoder
        if encoder.name == "small" and (encoder.model or encoder.image_model):
            raise ValueError("encoder small is trained from scratch: leave model out, or name text")
        if encoder.name in ("text", "vision_language") and encoder.model is None:
            raise ValueError(f"encoder {encoder.name} needs a model: a folder or a hub name")
        return self
