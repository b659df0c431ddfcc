"""A scenario whose every table is made in seconds, those of alignment too."""

SMALL_FEED = """
name: small_feed
source:
  reader: simulated
  options: {rows_per_day: 400, users: 40, new_items_per_day: 8}
context: [hour]
history_length: 5
folds: {lineage: 0.6, fit: 0.2, eval: 0.2}
ranker:
  embedding_dim: 4
  cross_layers: 1
  hidden_units: [8]
  history_length: 5
  batch_size: 128
  embedding_rate: 0.3
fit: {days: 2}
alignment:
  encoder: {dim: 8, max_tokens: 8}
  training: {epochs: 2, batch_size: 16}
  curation: {min_updates: 1, min_validation: 2}
horizons: [1]
"""
