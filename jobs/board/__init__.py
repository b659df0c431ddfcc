"""What the LIS board shows: a small table of results, and what a run found late or stale."""
