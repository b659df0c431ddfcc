"""What an object store refuses, in one line that says what to set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from jobs.common.errors import InputError, ServiceUnavailable, first_line
from jobs.lake.object_store.settings import S3Settings

# Arrow: When reading information for key 'lake/a' in bucket 'b': AWS Error ACCESS_DENIED during
# HeadObject operation: No response body.
_ARROW = re.compile(
    r"(?:key '(?P<key>.*?)' in )?bucket '(?P<bucket>.*?)'.*AWS Error "
    r"(?P<code>\w+) (?:\(HTTP status (?P<status>\d+)\) )?during (?P<operation>\w+) operation"
    r"(?:: (?P<reason>.*))?",
    re.DOTALL,
)
_CURL = re.compile(r"curlCode: \d+, .*; Details: ", re.DOTALL)
_DENIED = {
    "ACCESS_DENIED",
    "AccessDenied",
    "AllAccessDisabled",
    "Forbidden",
    "403",
    "INVALID_ACCESS_KEY_ID",
    "InvalidAccessKeyId",
    "SIGNATURE_DOES_NOT_MATCH",
    "SignatureDoesNotMatch",
    "INVALID_CLIENT_TOKEN_ID",
    "ExpiredToken",
    "InvalidToken",
}
_NO_BUCKET = {"NO_SUCH_BUCKET", "NoSuchBucket"}
_ELSEWHERE = {"PermanentRedirect", "AuthorizationHeaderMalformed", "301", "307", "400"}
_DOWN = {
    "NETWORK_CONNECTION",
    "SERVICE_UNAVAILABLE",
    "INTERNAL_FAILURE",
    "SLOW_DOWN",
    "THROTTLING",
    "REQUEST_TIMEOUT",
    "InternalError",
    "ServiceUnavailable",
    "SlowDown",
    "RequestTimeout",
    "500",
    "502",
    "503",
    "504",
}
_UNREACHABLE = {
    "ConnectionError",
    "EndpointConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ConnectionClosedError",
    "ProxyConnectionError",
    "ResponseStreamingError",
    "HTTPClientError",
    "SSLError",
}
_NO_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"}


@contextmanager
def store_errors(uri: str, settings: S3Settings) -> Iterator[None]:
    """Give the errors of Arrow and boto3 in the block the form of the project's own.

    Args:
        uri: What is read or written, for messages.
        settings: How the store is reached.

    Raises:
        ServiceUnavailable: If it does not answer, or cannot take more.
        InputError: If it refuses.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:
        explained = explain(error, uri, settings)
        if explained is None:
            raise
        raise explained from error


def explain(
    error: BaseException, uri: str | None = None, settings: S3Settings | None = None
) -> InputError | ServiceUnavailable | None:
    """An error of a store as one of the project's own; None for an error of something else.

    Args:
        error: An error of Arrow or boto3.
        uri: What was read or written; None for the bucket and key that the error names.
        settings: How the store is reached; None for what the environment has.
    """
    code, reason = _code_and_reason(error)
    if code is None:
        return None
    named = _ARROW.search(str(error))
    if uri is None:
        uri = f"s3://{named['bucket']}/{named['key'] or ''}" if named else "s3://"
    place = (settings or S3Settings.of("", "")).place
    if code in _DOWN or code in _UNREACHABLE:
        return ServiceUnavailable(f"{uri} cannot be reached at {place}: {reason}")
    if code in _NO_BUCKET:
        return no_bucket(uri, place)
    if code in _NO_CREDENTIALS:
        return InputError(
            f"{uri}: there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
            "AWS_PROFILE"
        )
    if code in _DENIED:
        return InputError(
            f"{uri}: access denied at {place} ({code}): give the user of AWS_ACCESS_KEY_ID, or of "
            "AWS_PROFILE, the right to list, read, write and delete there, or correct "
            "AWS_SECRET_ACCESS_KEY"
        )
    if code in _ELSEWHERE:
        return InputError(
            f"{uri}: {place} refuses the request ({reason}): set AWS_REGION to the region of the "
            "bucket"
        )
    return InputError(
        f"{uri} cannot be used at {place} ({code}: {reason}): correct AWS_ENDPOINT_URL if no "
        "object store answers there"
    )


def no_bucket(uri: str, place: str) -> InputError:
    """The error of a bucket that is not there.

    Args:
        uri: What was read or written.
        place: The store.
    """
    bucket = uri.removeprefix("s3://").partition("/")[0]
    return InputError(
        f"{uri}: there is no bucket {bucket} at {place}: create it, or correct the URI "
        "(LIS_LAKE is that of the lake) or AWS_ENDPOINT_URL"
    )


def _code_and_reason(error: BaseException) -> tuple[str | None, str]:
    """The code of an error, and what else it says; None for an error of something else."""
    if isinstance(error, OSError) and (named := _ARROW.search(str(error))) is not None:
        code = named["code"]
        if code == "UNKNOWN" and named["status"]:
            code = named["status"]
        return code, _CURL.sub("", (named["reason"] or code).strip()).rstrip(".")
    module = type(error).__module__.partition(".")[0]
    if module not in ("botocore", "boto3", "s3transfer"):
        return None, ""
    # A client error has the answer of the store.
    answer = getattr(error, "response", None) or {}
    code = answer.get("Error", {}).get("Code") or _known_base(error)
    return code, first_line(error)


def _known_base(error: BaseException) -> str:
    """The name of the class of an error, or of one above it that is known here."""
    names = [kind.__name__ for kind in type(error).__mro__]
    known = _UNREACHABLE | _NO_CREDENTIALS
    return next((name for name in names if name in known), names[0])
