"""Raw logs and exported tables: where they are stored and what is checked first; the simulator."""
