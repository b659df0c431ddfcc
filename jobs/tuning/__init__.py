"""Tuning: a search for the ranker's options on days before the first one that is scored."""
