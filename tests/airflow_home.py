"""An Airflow of the tests' own, whatever the environment says: it never is the user's."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile


def use_empty_home() -> None:
    """Let this process have an empty home and database of Airflow, which reads both on import."""
    if "airflow" in sys.modules:
        return
    home = tempfile.mkdtemp(prefix="airflow-home-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    os.environ["AIRFLOW_HOME"] = home
    os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{home}/airflow.db"
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
