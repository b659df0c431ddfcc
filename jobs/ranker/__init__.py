"""The ranker whose AUC gain a Leakage Impact Score measures, and its daily lineage.

Read in this order: ``fields``, ``vocabulary``, ``table`` (embeddings), ``model`` (the dense part),
``state`` (M_D in memory), ``day`` and ``encode`` (rows), ``train``, ``score``, ``checkpoint``,
``lineage``.
"""
