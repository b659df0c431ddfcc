"""Starting Spark's JVM from Python, without its notices about the machine."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE
from threading import Thread
from typing import IO

from pyspark import SparkConf, SparkContext
from pyspark.java_gateway import launch_gateway

from jobs.spark.jvm_options import OPTIONS, jvm_options

_QUIET = Path(__file__).with_name("quiet_log4j2.properties")
_NOTICE = b"WARNING: Using incubator modules"
"""Printed by Java itself, so that no setting of Spark leaves it out."""


def is_verbose() -> bool:
    """Whether notices of libraries are to be shown: if the root logger lets them through."""
    return logging.getLogger().isEnabledFor(logging.INFO)


def start_context(conf: SparkConf) -> SparkContext:
    """Start Spark, in the JVM of this process if there is one.

    Errors of the JVM go to standard error in every case; warnings and notices if ``is_verbose``.
    """
    is_running = SparkContext._gateway is not None or "PYSPARK_GATEWAY_PORT" in os.environ
    if is_running:
        return SparkContext(conf=conf)
    with _options():
        if is_verbose():
            return SparkContext(conf=conf)
        # popen_kwargs reaches subprocess.Popen; the process itself is an attribute of the gateway.
        gateway = launch_gateway(conf, {"stderr": PIPE})  # type: ignore[no-untyped-call]
    Thread(target=_forward, args=[gateway.proc.stderr], daemon=True).start()
    return SparkContext(conf=conf, gateway=gateway)


def _forward(lines: IO[bytes]) -> None:
    for line in lines:
        if not line.startswith(_NOTICE):
            sys.stderr.write(line.decode(errors="replace"))
            sys.stderr.flush()


@contextmanager
def _options() -> Iterator[None]:
    """Options of a JVM that is started in the block.

    It logs errors alone, unless ``is_verbose`` or a user has configured what is logged.
    """
    before = os.environ.get(OPTIONS)
    is_configured = "log4j2.configurationFile" in (before or "") or "SPARK_CONF_DIR" in os.environ
    is_quiet = not is_configured and not is_verbose()
    quiet = [f"-Dlog4j2.configurationFile={_QUIET.as_uri()}"] if is_quiet else []
    os.environ[OPTIONS] = jvm_options(*quiet)
    try:
        yield
    finally:
        if before is None:
            del os.environ[OPTIONS]
        else:
            os.environ[OPTIONS] = before
