"""The ranker whose AUC gain a Leakage Impact Score measures, and its daily lineage.

Read in this order: ``fields``, ``vocabulary``, ``table`` (embeddings), ``model`` (the dense part),
``network`` (a dense part of one's own), ``state`` (M_D in memory), ``day``, ``encode`` and
``encoded_day`` (rows), ``step``, ``train``, ``score``, ``checkpoint``, ``lineage``; then
``processes``, ``shard`` and ``sharded``: the same in several processes.
"""

import os

# Threads that wait in a loop for long take the cores from Spark and from other tasks: with both
# wanted, a day trained four times slower. Threads that sleep at once wake too late for the next of
# many short kernels: alone on both cores, it trained a third slower. So they wait in a loop for
# about a tenth of a millisecond, then sleep. OpenMP reads this once, when torch is first imported:
# GNU's, which torch comes with on Linux, reads the first; others know the second alone.
WAITING = {"GOMP_SPINCOUNT": "5000", "OMP_WAIT_POLICY": "PASSIVE"}
for _name, _value in WAITING.items():
    os.environ.setdefault(_name, _value)
