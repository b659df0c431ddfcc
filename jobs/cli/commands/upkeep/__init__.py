"""The commands that keep a lake in order."""
