"""The declarations of all figures, by their section."""
