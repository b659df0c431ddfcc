"""Options of Spark's JVM, for whoever starts one: this process, or a task of Airflow."""

from __future__ import annotations

import os

OPTIONS = "SPARK_SUBMIT_OPTS"
"""Environment variable of which Spark's scripts take options."""

# The optimising compiler begins after twenty times as many calls as by default. A job on a small
# log ends before: half of its CPU time went into code that was never run again. A job on a large
# log has passed them in its first seconds.
_COMPILE_LATE = (
    "-XX:Tier4InvocationThreshold=100000",
    "-XX:Tier4MinInvocationThreshold=12000",
    "-XX:Tier4CompileThreshold=300000",
    "-XX:Tier4BackEdgeThreshold=800000",
)


def jvm_options(*added: str) -> str:
    """Value of ``SPARK_SUBMIT_OPTS`` for a JVM that is about to start.

    Args:
        *added: Further options. Those that are set already come last, and count.
    """
    return " ".join(filter(None, (*_COMPILE_LATE, *added, os.environ.get(OPTIONS))))
