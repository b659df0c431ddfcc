"""Item vectors from the clicks that users share, up to n days later.

They are the truncated SVD of the PPMI matrix of co-clicks (Levy, Goldberg and Dagan 2015, with
their smoothing of contexts). An SVD determines vectors only up to a rotation, which differs from
day to day, so a ranker that is trained over several days could not read them. Therefore the vectors
of each day are rotated (orthogonal Procrustes) towards random projections of the same matrix, whose
signs depend on the item ids alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import shake_128
from typing import TYPE_CHECKING, Literal

from jobs.common.lazy_module import lazy_module
from jobs.scenarios import EvalRowsSeen, Mode

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import threadpoolctl
    from numpy.typing import NDArray
    from pyspark.sql import DataFrame
    from pyspark.sql import functions as F
    from scipy import linalg, sparse
    from sklearn.utils import extmath

    from jobs.preference import co_clicks
    from jobs.preference.behaviour import Behaviour
else:
    np = lazy_module("numpy")
    pa = lazy_module("pyarrow")
    pc = lazy_module("pyarrow.compute")
    F = lazy_module("pyspark.sql.functions")
    linalg = lazy_module("scipy.linalg")
    sparse = lazy_module("scipy.sparse")
    threadpoolctl = lazy_module("threadpoolctl")
    extmath = lazy_module("sklearn.utils.extmath")
    co_clicks = lazy_module("jobs.preference.co_clicks")

CONTEXT_POWER = 0.75
_POWER_STEPS = 7
_DECIMALS = 5
"""The last bits of a sum may differ from one machine to the next, so vectors are rounded."""


@dataclass(frozen=True)
class CoClickEmbedding:
    """Vectors of every item that was clicked together with another; one task for each ``known_at``.

    Attributes:
        dim: Length of the vectors.
        clicks_a_user: Newest clicks of a user that are used.
    """

    name: str = "co_click_embedding"
    summary: str = "vectors of items from co-clicks up to n days later (PPMI and SVD)"
    phrase: str = "item vectors from the co-clicks up to {days} later"
    docs: str = "Factors of the co-click matrix (PPMI and SVD), which need no ranker."
    keyed_by: Literal["item"] = "item"
    takes: Literal["vector"] = "vector"
    modes: tuple[Mode, ...] = (Mode.RETRAIN, Mode.PROBE)
    eval_rows_seen: EvalRowsSeen = "no"
    dim: int = 16
    clicks_a_user: int = 50

    def build(self, behaviour: Behaviour) -> DataFrame:
        """See ``PreferenceKind.build``."""
        users = co_clicks.users_clicked(behaviour, self.clicks_a_user)
        pairs = co_clicks.pairs_of(users, "items", "item_id", "other")
        pairs = pairs.groupBy("known_at", "item_id", "other").agg(F.count("*").alias("both"))
        both = co_clicks.both_orders(pairs)
        item_type = both.schema["item_id"].dataType.simpleString()
        dim = self.dim

        def embed(entries: pa.Table) -> pa.Table:
            ids, vectors = ppmi_vectors(entries["item_id"], entries["other"], entries["both"], dim)
            flat = pa.array(vectors.reshape(-1), pa.float32())
            offsets = pa.array(np.arange(len(ids) + 1, dtype=np.int32) * dim)
            day = pa.repeat(entries["known_at"][0], len(ids))
            columns = {"known_at": day, "item_id": ids}
            return pa.table({**columns, "embedding": pa.ListArray.from_arrays(offsets, flat)})

        schema = f"known_at string, item_id {item_type}, embedding array<float>"
        vectors = both.groupBy("known_at").applyInArrow(embed, schema)
        clicked = co_clicks.items_clicked(users)
        clicked = clicked.select("known_at", "item_id", F.col("users").alias("updates"))
        # Every click of the window influences every vector, through the singular vectors.
        newest = users.groupBy("known_at").agg(F.max("last_event").alias("last_event"))
        return vectors.join(clicked, ["known_at", "item_id"]).join(F.broadcast(newest), "known_at")


def ppmi_vectors(
    items: pa.ChunkedArray, others: pa.ChunkedArray, both: pa.ChunkedArray, dim: int
) -> tuple[pa.Array, NDArray[np.float32]]:
    """Vectors of items from the number of users that clicked both items of a pair.

    Args:
        items: First ids of pairs, each pair in both orders.
        others: Second ids.
        both: Users of each pair.
        dim: Length of the vectors.

    Returns:
        Distinct items, ascending, and their vectors, (items, dim).
    """
    ids = pc.unique(items)
    ids = ids.take(pc.sort_indices(ids))
    rows, columns = (pc.index_in(pair, ids).to_numpy() for pair in (items, others))
    shape = (len(ids), len(ids))
    counts = sparse.coo_matrix((both.to_numpy().astype(float), (rows, columns)), shape).tocsr()
    with threadpoolctl.threadpool_limits(limits=1):
        matrix = _ppmi(counts)
        left, strength, _ = extmath.randomized_svd(
            matrix, min(dim, len(ids)), n_iter=_POWER_STEPS, random_state=0
        )
        vectors = np.zeros((len(ids), dim))
        vectors[:, : len(strength)] = left * np.sqrt(strength)
        rotation, _ = linalg.orthogonal_procrustes(vectors, matrix @ _signs(ids, dim))
        return ids, (vectors @ rotation).round(_DECIMALS).astype(np.float32)


def _ppmi(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    """max(0, log(P(item, context) / (P(item) P(context)^power))), where the count is not 0."""
    entries = counts.tocoo()
    of_item = np.asarray(counts.sum(axis=1)).ravel()
    of_context = np.asarray(counts.sum(axis=0)).ravel() ** CONTEXT_POWER
    expected = of_item[entries.row] * of_context[entries.col] / of_context.sum()
    values = np.maximum(np.log(entries.data / expected), 0.0)
    return sparse.coo_matrix((values, (entries.row, entries.col)), counts.shape).tocsr()


def _signs(ids: pa.Array, dim: int) -> NDArray[np.float64]:
    """A row of +1 and -1 for each id, the same on every day, (ids, dim)."""
    size = -(-dim // 8)
    digests = [shake_128(str(item).encode()).digest(size) for item in ids.to_pylist()]
    bits = np.unpackbits(np.frombuffer(b"".join(digests), np.uint8).reshape(len(ids), size), axis=1)
    return np.where(bits[:, :dim], 1.0, -1.0)


KINDS = (CoClickEmbedding(),)
