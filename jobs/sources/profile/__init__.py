"""A first look at a log: what its columns hold, and how a scenario reads them."""
