"""Results as MLflow runs."""
