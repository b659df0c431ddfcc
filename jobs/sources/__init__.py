"""Readers of raw logs into the impression contract, and the feed simulator."""
