"""A ranker that trains a day in a second, for scenarios that tests write as YAML."""

SMALL_RANKER = """\
context: [hour]
history_length: 5
ranker:
  embedding_dim: 4
  cross_layers: 1
  hidden_units: [8]
  history_length: 5
  batch_size: 128
"""
