"""Item tables of a ranker: exported from checkpoints, or imported from an external ranker."""
