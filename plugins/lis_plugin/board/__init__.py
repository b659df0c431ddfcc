"""The LIS board: pages in Airflow's UI, behind its login and permissions. They change nothing."""
