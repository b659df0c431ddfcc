"""What keeps a lake in order, beside the runs that fill it."""
