"""LIS results as MLflow runs."""
