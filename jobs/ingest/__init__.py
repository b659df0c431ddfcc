"""Ingest: raw log to impressions, items, quarantine and click histories."""
