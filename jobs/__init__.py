"""The work behind a Leakage Impact Score. Runs without Airflow: ``lis --help``."""

__version__ = "0.2.0"
