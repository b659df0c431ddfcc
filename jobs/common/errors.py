"""The ways in which a command ends early, each with one line that the user can act on."""


class InputError(Exception):
    """What was given cannot be used. The command line turns it into exit code 2.

    The message is one line: it names the file, the column or the value, and the way out.
    """


class NotDue(InputError):
    """A horizon whose future has not arrived yet.

    ``waits_for`` is the ISO day whose impressions are missing.
    """

    def __init__(self, message: str, waits_for: str) -> None:
        super().__init__(message)
        self.waits_for = waits_for


class AuditError(Exception):
    """A table breaks its contract, so it is not published. The old partition stays readable."""


class FencedOut(Exception):
    """A newer attempt has claimed the partition. This one must not publish."""
