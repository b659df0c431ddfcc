"""Which preference data may be aligned with: decisions, each recorded with its reason."""
