"""The ranker whose AUC gain a Leakage Impact Score measures, and its daily lineage.

Read in this order: ``fields``, ``vocabulary``, ``table`` (embeddings), ``model`` (the dense part),
``network`` (a dense part of one's own), ``state`` (M_D in memory), ``day`` and ``encode`` (rows),
``step``, ``train``, ``score``, ``checkpoint``, ``lineage``; then ``processes``, ``shard`` and
``sharded``: the same in several processes.
"""

import os

# Threads that wait in a busy loop take the cores from Spark and from other tasks: with both cores
# wanted, a day trained four times slower. OpenMP reads this once, when torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
