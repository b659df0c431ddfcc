"""The constant part of the simulation: users, and how content relates to taste."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from jobs.sources.simulator.options import SimulatorOptions
from jobs.sources.simulator.sampling import WeightedSampler
from jobs.sources.simulator.streams import Stream, random_stream

CENTROID_SHARE = 0.5
"""Share of the variance of a content vector that its category explains."""


@dataclass(frozen=True)
class ContentMap:
    """How category and content vector of an item are generated, and which traits they explain.

    centroids: (categories, vector_dimensions), mean zero over categories.
    weights: (vector_dimensions, taste_dimensions + 1); maps a vector to unit-variance traits,
    the tastes first and the quality last.
    """

    centroids: NDArray[np.float64]
    weights: NDArray[np.float64]


@dataclass(frozen=True)
class Users:
    """All users.

    tastes: (users, taste_dimensions + 1) float32, scaled so that the inner product with an
    item's traits is the logit of taste match plus quality.
    activity: draws a user for each impression.
    """

    tastes: NDArray[np.float32]
    activity: WeightedSampler


@lru_cache(maxsize=4)
def content_map(options: SimulatorOptions) -> ContentMap:
    """The content map for the given options."""
    rng = random_stream(options.seed, Stream.CONTENT)
    centroids = rng.standard_normal((options.categories, options.vector_dimensions))
    centroids -= centroids.mean(axis=0)
    weights = rng.standard_normal((options.vector_dimensions, options.taste_dimensions + 1))
    covariance = CENTROID_SHARE * centroids.T @ centroids / options.categories
    covariance += (1 - CENTROID_SHARE) * np.eye(options.vector_dimensions)
    weights /= np.sqrt(np.einsum("vt,vw,wt->t", weights, covariance, weights))
    return ContentMap(centroids, weights)


@lru_cache(maxsize=2)
def users(options: SimulatorOptions) -> Users:
    """The users for the given options, with Zipf-like activity.

    For any number of users, the most active one has about a hundred times the impressions of the
    least active one.
    """
    rng = random_stream(options.seed, Stream.USERS)
    tastes = np.empty((options.users, options.taste_dimensions + 1), dtype=np.float32)
    tastes[:, :-1] = rng.standard_normal((options.users, options.taste_dimensions), np.float32)
    tastes[:, :-1] *= options.taste_strength / np.sqrt(options.taste_dimensions)
    tastes[:, -1] = options.quality_strength
    rank = rng.permutation(options.users)
    return Users(tastes, WeightedSampler(1.0 / (rank + 1 + options.users / 100)))
