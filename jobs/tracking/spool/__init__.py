"""What waits in the lake to be logged to MLflow."""
