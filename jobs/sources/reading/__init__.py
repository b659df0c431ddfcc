"""Reading of external files as Arrow batches: one parser for checks and for jobs."""
