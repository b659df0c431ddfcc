"""What a new JVM says on standard error, in a process of its own."""

import os
import subprocess
import sys

import pytest

_CODE = """
from jobs.spark.session import spark_session
with spark_session("test") as spark:
    assert spark.range(3).count() == 3
    spark._jvm.org.apache.logging.log4j.LogManager.getLogger("own").error("still shown")
"""


@pytest.mark.slow
def test_only_errors_are_shown() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "SPARK_CONF_DIR"}
    done = subprocess.run(
        [sys.executable, "-c", _CODE],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    [line] = done.stderr.splitlines()
    assert line.endswith("ERROR own: still shown")
