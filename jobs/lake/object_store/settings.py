"""Where an S3 store is and how it is reached: the same for Arrow, for boto3 and for Spark."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pyarrow import fs

from jobs.common.errors import InputError

ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_OPTIONS = ("region", "scheme", "endpoint_override")
_SECONDS_TO_CONNECT = 5


@dataclass(frozen=True)
class S3Settings:
    """How a store is reached. What is None is found by the libraries, each in the same places.

    Attributes:
        endpoint: URL of the store; None for Amazon's.
        endpoint_from: Where it was set, for messages.
        region: Its region.
        access_key: Of the URI, else None: the environment, ``~/.aws`` or the machine have it.
        secret_key: As ``access_key``.
        ca_file: Certificates to trust, as ``AWS_CA_BUNDLE`` names them.
    """

    endpoint: str | None
    endpoint_from: str
    region: str | None
    access_key: str | None = None
    secret_key: str | None = None
    ca_file: str | None = None

    @classmethod
    def of(cls, authority: str, options: str) -> S3Settings:
        """The settings of a URI; what it does not say is in the environment.

        Args:
            authority: Bucket, with ``key:secret@`` before it or without.
            options: Such as ``?region=eu-west-1``, or empty.

        Raises:
            InputError: If an option is unknown.
        """
        given = dict(parse_qsl(options.removeprefix("?")))
        for name in given:
            if name not in _OPTIONS:
                raise InputError(
                    f"?{name}= is no option of an s3:// URI: use {', '.join(_OPTIONS)}"
                )
        endpoint, endpoint_from = _endpoint(given)
        key, _, secret = authority.rpartition("@")[0].partition(":")
        return cls(
            endpoint,
            endpoint_from,
            given.get("region") or _first(REGIONS)[0],
            unquote(key) or None,
            unquote(secret) or None,
            os.environ.get("AWS_CA_BUNDLE") or None,
        )

    @property
    def place(self) -> str:
        """The store, for messages."""
        if self.endpoint is None:
            region = f" in {self.region}" if self.region else ""
            return f"Amazon S3{region} (AWS_ENDPOINT_URL would name another store)"
        return f"{self.endpoint_from}={self.endpoint}"

    def filesystem(self, bucket: str) -> fs.S3FileSystem:
        """Arrow's file system.

        Args:
            bucket: Asked for its region if no setting has it.
        """
        options: dict[str, Any] = {}
        if self.endpoint is not None:
            parts = urlsplit(self.endpoint)
            options |= {"scheme": parts.scheme, "endpoint_override": parts.netloc + parts.path}
        region = self.region
        if region is None:
            region = "us-east-1" if self.endpoint else fs.resolve_s3_region(bucket)
        return fs.S3FileSystem(
            access_key=self.access_key,
            secret_key=self.secret_key,
            region=region,
            connect_timeout=_SECONDS_TO_CONNECT,
            tls_ca_file_path=self.ca_file,
            # A small file is one request instead of three.
            allow_delayed_open=True,
            **options,
        )

    def client(self) -> Any:
        """The client of boto3, one for each process.

        Raises:
            InputError: If boto3 is not installed.
        """
        return _client(self, os.getpid())


@cache
def _client(settings: S3Settings, _process: int) -> Any:
    try:
        import boto3
        from botocore.config import Config
    except ModuleNotFoundError as error:
        raise InputError(
            "writing to s3:// needs boto3: run make setup-s3, or pip install -r requirements-s3.txt"
        ) from error
    return boto3.session.Session().client(
        "s3",
        region_name=settings.region or ("us-east-1" if settings.endpoint else None),
        endpoint_url=settings.endpoint,
        aws_access_key_id=settings.access_key,
        aws_secret_access_key=settings.secret_key,
        verify=settings.ca_file,
        config=Config(
            connect_timeout=_SECONDS_TO_CONNECT,
            retries={"mode": "standard", "total_max_attempts": 3},
            s3={"addressing_style": "path" if settings.endpoint else "auto"},
            # Stores other than Amazon's do not know all of its checksums.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def _endpoint(given: dict[str, str]) -> tuple[str | None, str]:
    """The endpoint as a URL, and where it was set."""
    url, name = _first(ENDPOINTS)
    if override := given.get("endpoint_override"):
        url, name = override, "endpoint_override"
    if url is None:
        return None, ""
    if "://" not in url:
        url = f"{given.get('scheme', 'https')}://{url}"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise InputError(f"{name}={url} is no address: write it as http://host:9000")
    return url.rstrip("/"), name


def _first(names: tuple[str, ...]) -> tuple[str | None, str]:
    """The first variable that is set, and its name."""
    return next(((value, name) for name in names if (value := os.environ.get(name))), (None, ""))
