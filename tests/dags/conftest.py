"""An empty home of Airflow, before a test imports it."""

from tests.airflow_home import use_empty_home

use_empty_home()
