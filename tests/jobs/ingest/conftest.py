"""Every test in this folder uses the shared Spark session."""

import pytest
from pyspark.sql import SparkSession


@pytest.fixture(scope="session", autouse=True)
def running(spark: SparkSession) -> None:
    """Start the session before the first test of the folder."""
