"""Conversion of raw values to the columns of the impression and item contracts, in Arrow."""
