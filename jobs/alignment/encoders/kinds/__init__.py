"""The encoders, one file each, named as the encoder; the class is ``ENCODER`` in each."""
