"""Content encoders aligned with preference data: the items, the encoders, training, vectors."""
