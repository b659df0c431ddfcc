"""What an earlier partition of vectors has for items whose content is what it was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from jobs.alignment.inference.item_content import content_digests
from jobs.lake import Lake, Partition
from jobs.ranker.model.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False)
class FoundBefore:
    """The items of a shard beside an earlier partition.

    Attributes:
        digests: Of the content of each item.
        is_kept: bool, (items,). Whether the earlier partition has the item, with this content.
        vectors: float32, (items, dim). Its vectors of these; zero for the others.
    """

    digests: list[str]
    is_kept: NDArray[np.bool_]
    vectors: NDArray[np.float32]


def found_before(lake: Lake, earlier: Partition | None, content: pa.Table, dim: int) -> FoundBefore:
    """Look up the items of a shard in an earlier partition.

    Args:
        lake: Where it is published.
        earlier: The partition; None if there is none.
        content: Items, ascending.
        dim: Length of a vector.
    """
    digests = content_digests(content)
    is_kept = np.zeros(len(content), np.bool_)
    vectors = np.zeros((len(content), dim), np.float32)
    if earlier is None:
        return FoundBefore(digests, is_kept, vectors)
    first, last = content["item_id"][0], content["item_id"][-1]
    in_range = (pc.field("item_id") >= first) & (pc.field("item_id") <= last)
    ids = Vocabulary(content["item_id"].combine_chunks())
    current = np.array(digests, dtype=object)
    with lake.open_files(earlier) as streams:
        for stream in streams:
            stored = pq.read_table(stream, filters=in_range)
            rows = ids.rows(stored["item_id"].combine_chunks())
            same = (rows >= 0) & (current[rows] == stored["content"].to_numpy(zero_copy_only=False))
            flat = stored["embedding"].combine_chunks().flatten().to_numpy()
            vectors[rows[same]] = flat.reshape(-1, dim)[same]
            is_kept[rows[same]] = True
    return FoundBefore(digests, is_kept, vectors)
