"""What of the lake need not be kept."""
