"""What the project adds to Airflow. Imported as ``plugins.…`` from the project's root."""
