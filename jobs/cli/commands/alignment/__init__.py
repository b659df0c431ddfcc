"""The commands of an alignment."""
