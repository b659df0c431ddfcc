"""Executors of a cluster: they run the code of the driver, with the same libraries.

A function that Spark runs in an executor is sent as the name of its module. So the project goes to
every executor as an archive, in front of whatever version of it may be installed there. Tables are
written by executors, so that other versions of a library there would change their bytes.
"""

from __future__ import annotations

import atexit
import logging
import platform
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Timer

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark import SparkContext

from jobs.common.errors import InputError, ServiceUnavailable
from jobs.common.paths import PROJECT

log = logging.getLogger(__name__)

_PACKAGE = "jobs"
_LIBRARIES = ("numpy", "pandas", "pyarrow", "scikit-learn", "scipy")
"""Those that write tables, or compute what is in them."""
_OLDEST = (1980, 1, 1, 0, 0, 0)
"""The first time that an archive can hold."""
_WAIT_SECONDS = 20.0

_FAULTS = (
    (
        r"different version: (?P<there>[\d.]+) than that in driver:? (?P<here>[\d.]+)",
        "run Python {there} and the driver {here}: set PYSPARK_PYTHON to the path that Python "
        "{here} has there",
    ),
    (
        r'Cannot run program "(?P<path>[^"]+)"',
        "have no {path}: set PYSPARK_PYTHON to the path that Python {python} has there",
    ),
    (
        r"ModuleNotFoundError: No module named '(?P<module>[^']+)'",
        "cannot import {module}: install requirements.txt in their Python",
    ),
)
"""What Spark reports if a Python worker cannot start, and what to say about it."""


def prepare_executors(context: SparkContext) -> None:
    """Send the project's code to the executors, and check their Python.

    Args:
        context: of a cluster.

    Raises:
        InputError: If Python or a library of an executor is missing or has another version.
        ServiceUnavailable: If executors end for another reason.
    """
    context.addPyFile(str(code_archive()))
    waiting = Timer(_WAIT_SECONDS, _say_waiting, [context.master])
    waiting.daemon = True
    waiting.start()
    try:
        count = context.defaultParallelism
        tasks = context.parallelize(range(count), count)
        found = tasks.mapPartitions(_installed).collect()  # type: ignore[var-annotated]
    except (Py4JJavaError, Py4JError) as error:
        raise _fault(str(error), str(context.master)) from None
    finally:
        waiting.cancel()
    here = dict(_versions())
    for there in found:
        for name, wanted in here.items():
            if there[name] != wanted:
                raise InputError(
                    f"executors of {context.master} have {name} {there[name]} and the driver "
                    f"{wanted}, so the bytes of tables would depend on which one writes them: "
                    f"install {name} {wanted} in the Python of the executors"
                )


def code_archive() -> Path:
    """A zip archive of the project's package: equal bytes for equal code.

    It lies in a temporary folder of its own, which this process removes when it ends.
    """
    folder = Path(tempfile.mkdtemp(prefix="lis-code-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    archive = folder / "code.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as written:
        for name, file in _files():
            written.writestr(zipfile.ZipInfo(name, _OLDEST), file.read_bytes())
    # Executors keep a file by its name while they live.
    digest = sha256(archive.read_bytes()).hexdigest()
    return archive.rename(folder / f"{_PACKAGE}-{digest[:16]}.zip")


def _files() -> Iterator[tuple[str, Path]]:
    package = PROJECT / _PACKAGE
    for file in sorted(package.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            yield file.relative_to(PROJECT).as_posix(), file


def _installed(_rows: Iterable[int]) -> Iterator[dict[str, str]]:
    """In an executor: the versions there."""
    yield dict(_versions())


def _versions() -> Iterator[tuple[str, str]]:
    yield "Python", ".".join(platform.python_version_tuple()[:2])
    for name in _LIBRARIES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            yield name, "not installed"


def _fault(report: str, master: str) -> InputError | ServiceUnavailable:
    """Why a first, small job has failed, in one line."""
    for pattern, words in _FAULTS:
        if match := re.search(pattern, report):
            here = ".".join(map(str, sys.version_info[:2]))
            said = words.format(python=here, **match.groupdict())
            return InputError(f"executors of {master} {said}")
    # Of Python the last line of its traceback, of Java the cause of all others.
    causes = (
        re.findall(r"^\s+(\w+Error: .+)$", report, re.MULTILINE)
        or re.findall(r"^Caused by: (.*[^:\s])\s*$", report, re.MULTILINE)
        or report.strip().splitlines()
    )
    return ServiceUnavailable(f"executors of {master} cannot run a first job: {causes[-1]}")


def _say_waiting(master: str) -> None:
    log.warning(
        "waiting for executors of %s: its workers are down, or other applications hold their cores",
        master,
    )
