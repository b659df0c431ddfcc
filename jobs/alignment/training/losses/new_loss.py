"""The losses by name: see ``jobs.scenarios.alignment_options.Loss``."""

from __future__ import annotations

from jobs.alignment.training.losses.loss import AlignmentLoss
from jobs.alignment.training.losses.pair_loss import PairLoss
from jobs.alignment.training.losses.target_losses import ContrastiveLoss, CosineLoss
from jobs.alignment.training.preference_items import PreferenceItems, Splits
from jobs.common.errors import InputError
from jobs.scenarios.alignment_options import AlignmentTraining, Loss


def new_loss(
    options: AlignmentTraining, splits: Splits, dim: int, preference: str
) -> AlignmentLoss:
    """Make the loss that the options name, or the one that suits the preference data.

    Args:
        options: Of the training.
        splits: The items.
        dim: Length of an aligned vector.
        preference: Name of the kind, for messages.

    Raises:
        InputError: If the preference data does not have what the loss needs.
    """
    train, validation = splits.train, splits.validation
    loss = options.loss or (Loss.PAIRS if train.positives is not None else Loss.CONTRASTIVE)
    if loss == Loss.PAIRS:
        return _pair_loss(options, train, validation, preference)
    if train.targets is None or validation.targets is None:
        raise InputError(
            f"alignment.training.loss is {loss}, which needs target vectors, and {preference} has "
            "lists of items: set it to pairs or null"
        )
    if loss == Loss.CONTRASTIVE:
        return ContrastiveLoss(train.targets, validation.targets, dim, options.hard_negatives)
    if options.hard_negatives:
        raise InputError(
            f"alignment.training.hard_negatives: loss {Loss.COSINE} has no negatives; set it to "
            "0, or the loss to contrastive"
        )
    if train.targets.shape[1] < 2:
        raise InputError(
            f"alignment.training.loss is cosine, and targets of {preference} are single numbers, "
            "which have no direction: set it to contrastive"
        )
    return CosineLoss(train.targets, validation.targets, dim)


def _pair_loss(
    options: AlignmentTraining, train: PreferenceItems, validation: PreferenceItems, preference: str
) -> PairLoss:
    if train.positives is None or validation.positives is None:
        raise InputError(
            f"alignment.training.loss is pairs, which needs lists of items, and {preference} has "
            "target vectors: set it to contrastive, cosine or null"
        )
    if options.hard_negatives:
        raise InputError(
            "alignment.training.hard_negatives: the nearest targets, and preference data "
            f"{preference} has none, since it is lists of items; set it to 0"
        )
    for split, items in (("train", train.positives), ("validation", validation.positives)):
        if not len(items.rows):
            raise InputError(
                f"{preference}: no {split} item belongs to another one of its split: lower "
                "alignment.curation.min_updates, or choose a later --aligned-at"
            )
    return PairLoss(train.positives, validation.positives)
