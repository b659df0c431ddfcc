"""Errors that end a command, each with a one-line message that the user can act on."""

from __future__ import annotations

import re
import shlex

from jobs.common.secrets import without_password

_OBJECT_STORE_DOWN = re.compile(
    r"AWS Error (NETWORK_CONNECTION|SERVICE_UNAVAILABLE|INTERNAL_FAILURE|SLOW_DOWN|THROTTLING|"
    r"REQUEST_TIMEOUT)"
)

_LONGEST, _HEAD, _TAIL = 2_000, 1_500, 400
"""Characters of a message, and before and after what is left out: its end says what to do."""


class InputError(Exception):
    """An input that cannot be used. The command line ends with exit code 2.

    The message is one line that names the file, column or value and says how to correct it. It
    never has the password of a URI.
    """

    def __init__(self, message: str) -> None:
        super().__init__(without_password(message))


class NotDue(InputError):
    """A horizon whose days have not all been ingested yet.

    ``waits_for`` is the ISO date of the day whose impressions are missing.
    """

    def __init__(self, message: str, waits_for: str) -> None:
        super().__init__(message)
        self.waits_for = waits_for


class DamagedFile(InputError):
    """A file of the lake does not hold what was published. The message names what makes it again.

    Attributes:
        file: Path or URI of the file.
        fault: What is wrong with it, such as ``is missing``.
        partition: Path of its partition in the lake.
    """

    def __init__(self, file: str, fault: str, partition: str, scenario: str) -> None:
        """Describe the damage.

        Args:
            file: Path or URI of the file.
            fault: What is wrong with it.
            partition: Path of its partition in the lake.
            scenario: Name of the scenario, or what its user writes after ``--scenario``.
        """
        self.file, self.fault, self.partition = file, fault, partition
        command = shlex.join(["lis", "rebuild", partition, "--scenario", scenario])
        super().__init__(f"{file} {fault}: run {command}")

    def named_as(self, scenario: str) -> DamagedFile:
        """The same, with the scenario as its user has named it."""
        return DamagedFile(self.file, self.fault, self.partition, scenario)


class ServiceUnavailable(Exception):
    """A tracking server, database or object store does not answer. A later try may succeed.

    The message is one line. It never has the password of a URI.
    """

    def __init__(self, message: str) -> None:
        super().__init__(without_password(" ".join(message.split())))


class AuditError(Exception):
    """A table violates its contract and is not published. The old partition stays readable."""


class FencedOut(Exception):
    """A newer attempt has claimed the partition, so this one must not publish."""


def is_connection_error(error: BaseException) -> bool:
    """Whether an error, or one that it was raised from, comes from a connection.

    A later try of the same may succeed, unlike that of other input that cannot be used.
    """
    cause: BaseException | None = error
    while cause is not None:
        # A broken pipe is the end of who reads the output.
        if isinstance(cause, ServiceUnavailable | ConnectionError | TimeoutError):
            return not isinstance(cause, BrokenPipeError)
        # Arrow gives all errors of an object store as this class.
        if isinstance(cause, OSError) and _OBJECT_STORE_DOWN.search(str(cause)):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def one_line(text: object) -> str:
    """A message as one line of limited length, without passwords and without control characters.

    Values of users may hold any character, and be of any length.
    """
    line = without_password(" ".join(str(text).split()))
    if len(line) > _LONGEST:
        line = f"{line[:_HEAD]} … {line[-_TAIL:]}"
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in line)


def first_line(error: BaseException) -> str:
    """The first line of an error of a library, for a message of one line."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
