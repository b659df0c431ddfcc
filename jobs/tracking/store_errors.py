"""Which errors of the MLflow store may pass, and which a user must mend."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import REQUEST_LIMIT_EXCEEDED, TEMPORARILY_UNAVAILABLE, ErrorCode
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError, SQLAlchemyError

from jobs.common.errors import InputError, ServiceUnavailable, first_line
from jobs.common.secrets import without_password

_TEMPORARY = {ErrorCode.Name(code) for code in (REQUEST_LIMIT_EXCEEDED, TEMPORARILY_UNAVAILABLE)}
_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
_SECONDS_TO_ANSWER = 5


@contextmanager
def store_errors(uri: str) -> Iterator[None]:
    """Give errors of the store, its database and its files the form of the project's own.

    Args:
        uri: The tracking URI.

    Raises:
        ServiceUnavailable: If the store does not answer, so that a later try may succeed.
        InputError: If it refuses what it is given, or cannot be used at all.
    """
    try:
        yield
    except (MlflowException, SQLAlchemyError, ImportError, OSError) as error:
        cannot = f"cannot use MLFLOW_TRACKING_URI={without_password(uri)}"
        if is_temporary(error):
            # What its libraries add says nothing more: requests, addresses, statements.
            raise ServiceUnavailable(f"{cannot}: {first_line(_causes(error)[-1])}") from None
        # SQLAlchemy imports a database's driver, which may be missing, and adds the statement.
        reason = " ".join(str(error).partition("\n[SQL:")[0].split())
        raise InputError(f"{cannot}: {reason}") from None


def is_temporary(error: BaseException) -> bool:
    """Whether an error comes from a connection, a lock or an overload rather than from a request.

    MLflow hides what its libraries raise in an error of its own.
    """
    return any(
        isinstance(cause, OSError | OperationalError | InterfaceError)
        or (isinstance(cause, MlflowException) and cause.error_code in _TEMPORARY)
        for cause in _causes(error)
    )


def _causes(error: BaseException) -> list[BaseException]:
    """Return an error and those that led to it, the first of them last."""
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    return causes


def require_answer(uri: str, database: Path | None) -> None:
    """Look whether a database answers, in seconds: MLflow itself would try for minutes.

    Args:
        uri: The tracking URI.
        database: Its file, if it is one of SQLite.

    Raises:
        ServiceUnavailable: If it does not, or another program has locked the file.
        OSError: If its server cannot be reached.
    """
    if database is not None:
        _require_no_lock(uri, database)
        return
    try:
        url = make_url(uri)
    except ArgumentError:
        return
    port = url.port or _PORTS.get(url.get_backend_name())
    if url.get_backend_name() in _PORTS and url.host and port:
        socket.create_connection((url.host, port), timeout=_SECONDS_TO_ANSWER).close()


def _require_no_lock(uri: str, database: Path) -> None:
    try:
        with closing(
            sqlite3.connect(database, timeout=_SECONDS_TO_ANSWER, isolation_level=None)
        ) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        # MLflow says what is wrong with a file that is no database or cannot be written.
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise ServiceUnavailable(
                f"cannot use MLFLOW_TRACKING_URI={without_password(uri)}: another program has "
                "locked the database"
            ) from None
