"""The work behind a Leakage Impact Score. Runs without Airflow: ``python -m jobs --help``."""
