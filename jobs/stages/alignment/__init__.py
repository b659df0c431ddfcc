"""The stages of an alignment: the gate, preference items, the encoder, its vectors, the AIS."""
