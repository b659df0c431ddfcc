"""The options of the ranker that tuning tries, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.ranker.model.training_settings import TrainingSettings, training_settings
from jobs.scenarios import RankerOptions

Value = int | float

_EMBEDDING_DECAYS = (0.001, 0.01)
_LARGEST_DIM, _LARGEST_BATCH = 128, 16_384
_SMALLEST_DIM, _SMALLEST_BATCH = 4, 8


@dataclass(frozen=True)
class Direction:
    """Values of one option, ever farther from where the search starts.

    The search follows a direction while each value is better than the one before.

    Attributes:
        option: Name of a field of ``RankerOptions``.
        values: Values to try, the nearest first.
    """

    option: str
    values: tuple[Value, ...]


def directions(options: RankerOptions, rows: int) -> tuple[Direction, ...]:
    """Return what to try around a scenario's options, those that matter most first.

    Args:
        options: The scenario's options; those that are None are taken as the size of the day gives
            them.
        rows: Training rows of a usual day.
    """
    settings = training_settings(options, rows)
    dim = options.embedding_dim
    found = (
        *_rates("embedding_rate", settings.embedding_rate),
        Direction("epochs", tuple(settings.epochs + more for more in (1, 2))),
        Direction("epochs", (1,)),
        *_rates("dense_rate", settings.dense_rate),
        *_batch_sizes(settings),
        Direction("embedding_dim", tuple(dim // by for by in (2, 4) if dim // by >= _SMALLEST_DIM)),
        Direction("embedding_dim", tuple(dim * by for by in (2, 4) if dim * by <= _LARGEST_DIM)),
        Direction(
            "embedding_decay",
            tuple(value for value in _EMBEDDING_DECAYS if value > settings.embedding_decay),
        ),
        Direction("embedding_decay", (0.0,)),
    )
    now = {**options.model_dump(), **vars(settings)}
    kept = (_without(direction, now[direction.option]) for direction in found)
    return tuple(direction for direction in kept if direction.values)


def with_option(options: RankerOptions, option: str, value: Value) -> RankerOptions:
    """The options with another value of one of them, validated."""
    return RankerOptions.model_validate({**options.model_dump(), option: value})


def changed(options: RankerOptions, base: RankerOptions) -> dict[str, Value]:
    """Return the options that differ from those of a scenario, in the order of declaration."""
    before, after = base.model_dump(), options.model_dump()
    return {name: value for name, value in after.items() if value != before[name]}


def _rates(option: str, rate: float) -> tuple[Direction, Direction]:
    return (
        Direction(option, tuple(_rounded(rate * by) for by in (3, 10))),
        Direction(option, tuple(_rounded(rate / by) for by in (3, 10))),
    )


def _batch_sizes(settings: TrainingSettings) -> Sequence[Direction]:
    size = settings.batch_size
    smaller = tuple(size // by for by in (4, 16) if size // by >= _SMALLEST_BATCH)
    larger = tuple(size * by for by in (4, 16) if size * by <= _LARGEST_BATCH)
    return Direction("batch_size", smaller), Direction("batch_size", larger)


def _without(direction: Direction, value: Value) -> Direction:
    others = tuple(other for other in direction.values if other != value)
    return Direction(direction.option, others)


def _rounded(value: float) -> float:
    """Two digits, as one writes it."""
    return float(f"{value:.2g}")
