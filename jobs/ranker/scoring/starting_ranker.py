"""The ranker that probe and retrain mode start from on a day: M_d, or imported item vectors.

If item vectors are exported by another system, no lineage is trained. The ranker then consists of
these vectors and an untrained dense part.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np

from jobs.lake import Lake
from jobs.lake.addresses import snapshot_partition
from jobs.ranker.model.checkpoint import read_checkpoint
from jobs.ranker.model.embedding_table import NEVER, Block, EmbeddingTable
from jobs.ranker.model.item_vectors import ItemVectors
from jobs.ranker.model.ranker import Ranker, new_ranker
from jobs.ranker.model.vocabulary import Vocabulary
from jobs.ranker.scoring.score_day import SlotTable
from jobs.scenarios import ITEM, Scenario
from jobs.scenarios.hints import lis_command


def starting_ranker(
    lake: Lake, scenario: Scenario, day: date, known: Mapping[str, ItemVectors] | None = None
) -> Ranker:
    """Load M_d, or build a ranker from the item vectors imported for the day.

    Args:
        lake: Where either is published.
        scenario: The scenario.
        day: Day d.
        known: Dense features of an earlier day; see ``read_checkpoint``.

    Raises:
        InputError: If neither is published.
    """
    if scenario.snapshots is None:
        return read_checkpoint(lake, scenario, day, known=known)
    partition = snapshot_partition(scenario, day)
    lake.require(partition, f"run {lis_command('train', scenario)} to import it")
    stored = lake.read(partition, ["item_id", "embedding", "updates"])
    table = SlotTable.from_arrow(stored)
    options = scenario.ranker.model_copy(update={"embedding_dim": table.vectors.shape[1]})
    ranker = new_ranker(scenario.model_copy(update={"ranker": options}))
    blocks = {field: Block.untrained(0, options.embedding_dim) for field in ranker.fields}
    rows = len(table.ids)
    blocks[ITEM] = Block(
        embedding=table.vectors,
        accumulator=np.zeros(rows, np.float32),
        updates=stored["updates"].fill_null(0).to_numpy(),
        last_update=np.full(rows, NEVER, np.int64),
    )
    ranker.vocabularies[ITEM] = Vocabulary(table.ids)
    ranker.table = EmbeddingTable(blocks, ranker.device)
    return ranker
