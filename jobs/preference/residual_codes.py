"""Residual k-means: a vector as a few discrete codes, one for each level.

The codes of a vector name one centroid for each level, and a level is fitted to the residuals of
the levels before it (residual quantisation, as for the semantic ids of arXiv 2306.08121).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import threadpoolctl
from numpy.typing import NDArray
from sklearn.cluster import KMeans

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ResidualCodebook:
    """Fitted centroids.

    Attributes:
        levels: The k-means of each level.
    """

    levels: tuple[KMeans, ...]

    @classmethod
    def fit(
        cls, vectors: Floats, levels: int, codes: int, fit_vectors: int = 50_000, seed: int = 0
    ) -> ResidualCodebook:
        """Fit the centroids of all levels.

        Args:
            vectors: (vectors, dim), at least one.
            levels: Number of levels.
            codes: Centroids of a level; fewer where there are fewer distinct residuals.
            fit_vectors: Vectors that are sampled to fit the centroids.
            seed: Of the sample and of k-means.
        """
        generator = np.random.default_rng(seed)
        sample = np.sort(generator.permutation(len(vectors))[:fit_vectors])
        residuals = vectors[sample].astype(np.float64)
        fitted = []
        # Threads add the parts of a sum in any order, which changes the last bits of a centroid.
        with threadpoolctl.threadpool_limits(limits=1):
            for _ in range(levels):
                clusters = min(codes, len(np.unique(residuals, axis=0)))
                means = KMeans(clusters, n_init=1, random_state=seed).fit(residuals)
                residuals -= means.cluster_centers_[means.predict(residuals)]
                fitted.append(means)
        return cls(tuple(fitted))

    def codes(self, vectors: Floats) -> tuple[NDArray[np.int32], Floats]:
        """Return codes, (vectors, levels), and the sums of their centroids, (vectors, dim)."""
        residuals = vectors.astype(np.float64)
        codes = np.zeros((len(vectors), len(self.levels)), np.int32)
        if len(vectors):
            with threadpoolctl.threadpool_limits(limits=1):
                for level, means in enumerate(self.levels):
                    codes[:, level] = means.predict(residuals)
                    residuals -= means.cluster_centers_[codes[:, level]]
        return codes, (vectors - residuals).astype(np.float32)
