"""Item vectors from co-clicks: the truncated SVD of the PPMI matrix, in one basis for all days.

PPMI: Levy, Goldberg and Dagan 2015, with their smoothing of contexts. An SVD fixes vectors up to a
rotation only, which differs from day to day, and a ranker that is trained over days could not read
them. So each day's vectors are turned (orthogonal Procrustes) towards random projections of the
same matrix, whose signs follow from the item ids alone.
"""

from __future__ import annotations

from hashlib import shake_128

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from scipy.linalg import orthogonal_procrustes
from scipy.sparse import coo_matrix, csr_matrix
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import threadpool_limits

from jobs.preference.behaviour import Behaviour
from jobs.preference.co_clicks import both_orders, items_clicked, pairs_of, users_clicked

CONTEXT_POWER = 0.75
_POWER_STEPS = 7
_DIGITS = 5
"""Decimals that are kept: the last bits of a sum may differ from one machine to the next."""


def co_click_embeddings(behaviour: Behaviour, dim: int, clicks_a_user: int) -> DataFrame:
    """Vectors of every item that was clicked together with another, one task a ``known_at``."""
    users = users_clicked(behaviour, clicks_a_user)
    pairs = pairs_of(users, "items", "item_id", "other").groupBy("known_at", "item_id", "other")
    both = both_orders(pairs.agg(F.count("*").alias("both")))
    item_type = both.schema["item_id"].dataType.simpleString()

    def embed(entries: pa.Table) -> pa.Table:
        ids, vectors = ppmi_vectors(entries["item_id"], entries["other"], entries["both"], dim)
        flat = pa.array(vectors.reshape(-1), pa.float32())
        offsets = pa.array(np.arange(len(ids) + 1, dtype=np.int32) * dim)
        day = pa.repeat(entries["known_at"][0], len(ids))
        columns = {"known_at": day, "item_id": ids}
        return pa.table({**columns, "embedding": pa.ListArray.from_arrays(offsets, flat)})

    schema = f"known_at string, item_id {item_type}, embedding array<float>"
    vectors = both.groupBy("known_at").applyInArrow(embed, schema)
    clicked = items_clicked(users).select("known_at", "item_id", F.col("users").alias("updates"))
    newest = users.groupBy("known_at").agg(F.max("last_event").alias("last_event"))
    # Every click of the window stands behind every vector, through the singular vectors.
    return vectors.join(clicked, ["known_at", "item_id"]).join(F.broadcast(newest), "known_at")


def ppmi_vectors(
    items: pa.ChunkedArray, others: pa.ChunkedArray, both: pa.ChunkedArray, dim: int
) -> tuple[pa.Array, NDArray[np.float32]]:
    """Distinct items, ascending, and their vectors, (items, dim).

    Args:
        items, others: ids of pairs, each pair in both orders.
        both: users of each pair.
    """
    ids = pc.unique(items)
    ids = ids.take(pc.sort_indices(ids))
    rows, columns = (pc.index_in(pair, ids).to_numpy() for pair in (items, others))
    shape = (len(ids), len(ids))
    counts = coo_matrix((both.to_numpy().astype(float), (rows, columns)), shape).tocsr()
    with threadpool_limits(limits=1):
        matrix = _ppmi(counts)
        left, strength, _ = randomized_svd(
            matrix, min(dim, len(ids)), n_iter=_POWER_STEPS, random_state=0
        )
        vectors = np.zeros((len(ids), dim))
        vectors[:, : len(strength)] = left * np.sqrt(strength)
        turn, _ = orthogonal_procrustes(vectors, matrix @ _signs(ids, dim))
        return ids, (vectors @ turn).round(_DIGITS).astype(np.float32)


def _ppmi(counts: csr_matrix) -> csr_matrix:
    """max(0, log(P(item, context) / (P(item) P(context)^power))), where the count is not 0."""
    entries = counts.tocoo()
    of_item = np.asarray(counts.sum(axis=1)).ravel()
    of_context = np.asarray(counts.sum(axis=0)).ravel() ** CONTEXT_POWER
    expected = of_item[entries.row] * of_context[entries.col] / of_context.sum()
    values = np.maximum(np.log(entries.data / expected), 0.0)
    return coo_matrix((values, (entries.row, entries.col)), counts.shape).tocsr()


def _signs(ids: pa.Array, dim: int) -> NDArray[np.float64]:
    """A row of +1 and -1 for each id, the same on every day, (ids, dim)."""
    size = -(-dim // 8)
    digests = [shake_128(str(item).encode()).digest(size) for item in ids.to_pylist()]
    bits = np.unpackbits(np.frombuffer(b"".join(digests), np.uint8).reshape(len(ids), size), axis=1)
    return np.where(bits[:, :dim], 1.0, -1.0)
