"""The ranker whose AUC gain a Leakage Impact Score measures, and its daily lineage.

Reading order, room by room; every room imports only rooms above it:

1. ``model/``: ``dcn`` (the deep part), ``wide_and_deep`` (the wide part beside it),
   ``custom_network`` (a deep part supplied by the user), ``vocabulary``, ``embedding_table``,
   ``initial_vectors``, ``item_vectors``, ``training_settings``, ``ranker`` (M_D in memory),
   ``dense_features`` (item vectors of each day), ``checkpoint`` (M_D on disk) and ``device``.
2. ``rows/``: ``aligned_batches``, ``read_day``, ``statistics``, ``row_vectors``, ``encode``,
   ``spooled_day`` and ``read_ahead`` (a day to train on); ``row_attributes`` and ``day_rows`` (rows
   to score).
3. ``training/``: ``train_step``, ``begin_features``, ``vector_step``, ``train_day`` (the deep
   part); ``wide_update``, ``first_look``.
4. ``scoring/``: ``score_day``; for probe and retrain mode ``starting_ranker`` and
   ``frozen_forward``.
5. ``towers/``, what probe and retrain mode fit: ``row_features``, ``probe_towers``,
   ``retrain_towers``.
6. ``distributed/``, training in several processes: ``process_group``, ``table_shard``,
   ``train_sharded``.

``lineage`` stands on all of them: M_0 -> M_1 -> ..., one day of training after the other.
"""

import os

# OpenMP threads that spin for long take the cores from Spark and other tasks: on two cores shared
# with other work, a day trained four times slower. Threads that sleep at once wake too late for the
# next of many short kernels: alone on two cores, a day trained a third slower. So they spin for
# about a tenth of a millisecond, then sleep. OpenMP reads these variables once, when torch is first
# imported: GNU's, which torch for Linux ships with, the first; other implementations the second.
OPENMP_WAITING = {"GOMP_SPINCOUNT": "5000", "OMP_WAIT_POLICY": "PASSIVE"}
# oneDNN keeps a compiled kernel for each size of batch that it has met, up to 1,024 by default. The
# batches of each day have new sizes, so memory grew with the days of a lineage on cores with bf16.
# A day needs about thirty kernels.
KEPT_KERNELS = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64", "LRU_CACHE_CAPACITY": "64"}
for _name, _value in {**OPENMP_WAITING, **KEPT_KERNELS}.items():
    os.environ.setdefault(_name, _value)
