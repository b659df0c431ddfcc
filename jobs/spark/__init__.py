"""Spark jobs: raw log to impressions, histories, snapshots and feature tables."""
