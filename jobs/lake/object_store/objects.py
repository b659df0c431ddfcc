"""Writing objects: each appears whole or not at all, and may depend on what is there.

Arrow, which reads them, has no conditional writes. It also makes an empty object for each folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from tempfile import TemporaryFile
from typing import IO, Any

from pyarrow import fs

from jobs.lake.object_store.settings import S3Settings
from jobs.lake.object_store.store_errors import no_bucket, store_errors

_LARGE = 64 << 20
"""Larger objects are sent in parts, several at a time."""
_AT_ONCE = 8
_CHANGED = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
_MISSING = {"NoSuchKey", "404"}


@dataclass(frozen=True)
class VersionedObject:
    """The content of an object, and the tag that changes with it."""

    content: bytes
    etag: str


class Objects:
    """Objects of a store. Paths begin with the bucket."""

    def __init__(self, settings: S3Settings, filesystem: fs.FileSystem) -> None:
        self.settings = settings
        self._filesystem = filesystem
        self._found: set[str] = set()

    @cached_property
    def has_client(self) -> bool:
        """Whether boto3 is installed, which writes, and reads with half of Arrow's requests."""
        return find_spec("boto3") is not None

    def require_bucket(self, path: str) -> None:
        """Check that the bucket of a path exists: without it, every object is just not found.

        Raises:
            InputError: If it does not.
        """
        bucket = path.partition("/")[0]
        if bucket in self._found:
            return
        try:
            found = self._filesystem.get_file_info(bucket).type != fs.FileType.NotFound
        except OSError:
            # Who may read a folder may not see the bucket.
            found = True
        if not found:
            raise no_bucket(f"s3://{path}", self.settings.place)
        self._found.add(bucket)

    def put(self, path: str, content: bytes) -> None:
        """Write an object."""
        if len(content) > _LARGE:
            with self.writer(path) as stream:
                stream.write(content)
            return
        with self._client(path) as (client, address):
            client.put_object(**address, Body=content)

    def put_all(self, contents: dict[str, bytes]) -> None:
        """Write small objects, several at a time."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(lambda item: self.put(*item), contents.items()))

    def put_if_unchanged(self, path: str, content: bytes, etag: str | None) -> bool:
        """Write an object if nobody has written it since it was read.

        Args:
            path: The object.
            content: Its new content.
            etag: That of the content that was read; None if there was no object.

        Returns:
            Whether it is written.
        """
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        with self._client(path) as (client, address):
            try:
                client.put_object(**address, **condition, Body=content)
            except client.exceptions.ClientError as error:
                # An object that was to be replaced and is gone gives 404.
                if _code(error) in (_CHANGED | _MISSING if etag else _CHANGED):
                    return False
                raise
        return True

    def get(self, path: str) -> VersionedObject | None:
        """Read an object; None if there is none."""
        with self._client(path) as (client, address):
            try:
                answer = client.get_object(**address)
                return VersionedObject(answer["Body"].read(), answer["ETag"])
            except client.exceptions.ClientError as error:
                if _code(error) in _MISSING:
                    return None
                raise

    @contextmanager
    def writer(self, path: str) -> Iterator[IO[bytes]]:
        """A stream whose content becomes the object at the end of the block, unless it fails."""
        with TemporaryFile() as stream:
            yield stream
            stream.seek(0)
            with self._client(path) as (client, address):
                client.upload_fileobj(stream, *address.values())

    def copy(self, source: str, target: str) -> None:
        """Copy an object within the store."""
        bucket, _, key = source.partition("/")
        with self._client(target) as (client, address):
            client.copy({"Bucket": bucket, "Key": key}, *address.values())

    def remove(self, path: str) -> None:
        """Remove an object and all objects below it as a folder; there may be none."""
        with self._client(path) as (client, address):
            client.delete_object(**address)
            bucket, below = address["Bucket"], f"{address['Key']}/"
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=below)
            for page in pages:
                keys = [{"Key": one["Key"]} for one in page.get("Contents", ())]
                if keys:
                    delete = {"Objects": keys, "Quiet": True}
                    answer = client.delete_objects(Bucket=bucket, Delete=delete)
                    for refused in answer.get("Errors", ()):
                        raise client.exceptions.ClientError({"Error": refused}, "DeleteObjects")

    @contextmanager
    def _client(self, path: str) -> Iterator[tuple[Any, dict[str, str]]]:
        bucket, _, key = path.partition("/")
        with store_errors(f"s3://{path}", self.settings):
            yield self.settings.client(), {"Bucket": bucket, "Key": key}


def _code(error: Any) -> str:
    return str(error.response["Error"]["Code"])
