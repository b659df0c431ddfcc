"""Object stores: how they are reached, and how a lake in one is written without locks."""
