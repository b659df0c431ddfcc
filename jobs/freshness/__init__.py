"""What of the lake is current: days, rankers and results, and what has changed since."""
