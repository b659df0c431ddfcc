"""What an object store refuses is said in one line that names the URI and what to set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from threading import Thread
from typing import Any

import pytest
from werkzeug.serving import BaseWSGIServer, make_server

from jobs.cli.main import main
from jobs.common.errors import InputError, ServiceUnavailable
from jobs.common.outcome import ExitCode
from jobs.lake import Attempt, Lake, Partition
from jobs.lake.object_store import settings
from jobs.lake.object_store.settings import S3Settings
from jobs.lake.object_store.store_errors import explain

DAILY = Partition("impressions", "tiny", date(2026, 1, 31))
SECRET = "wJalrXUtnFEMI/K7MDENG"
ARROW = "When reading information for key 'lake/a' in bucket 'feed': AWS Error {} operation: {}"

USES: dict[str, Callable[[Lake], object]] = {
    "read": lambda lake: lake.manifest(DAILY),
    "look": lambda lake: lake.is_published(DAILY),
    "list": lambda lake: lake.days_with_any("impressions", "tiny"),
    "write": lambda lake: Attempt(lake.storage, [DAILY]),
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment with credentials and no further settings."""
    for name in (*settings.ENDPOINTS, *settings.REGIONS, "AWS_CA_BUNDLE", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


@pytest.fixture
def answering(
    environment: pytest.MonkeyPatch,
) -> Iterator[Callable[[int, str], str]]:
    """Start a server that gives every request one answer, and direct the libraries to it."""
    servers: list[BaseWSGIServer] = []

    def start(status: int, body: str) -> str:
        def answer(request: dict[str, Any], respond: Callable[..., Any]) -> Iterable[bytes]:
            respond(f"{status} answer", [("Content-Length", str(len(body)))])
            return [] if request["REQUEST_METHOD"] == "HEAD" else [body.encode()]

        server = make_server("127.0.0.1", 0, answer, threaded=True)
        Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        servers.append(server)
        address = f"http://127.0.0.1:{server.server_port}"
        environment.setenv("AWS_ENDPOINT_URL", address)
        return address

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("use", USES)
def test_denied_access_is_said_with_what_to_set(
    answering: Callable[[int, str], str], use: str
) -> None:
    address = answering(403, "<Error><Code>AccessDenied</Code><Message>No</Message></Error>")
    with pytest.raises(InputError) as refused:
        USES[use](Lake("s3://feed/lake"))
    message = str(refused.value)
    assert message.startswith("s3://feed/lake/")
    assert f"access denied at AWS_ENDPOINT_URL={address} (" in message
    assert "AWS_ACCESS_KEY_ID" in message
    assert "AWS_SECRET_ACCESS_KEY" in message


@pytest.mark.parametrize("use", USES)
def test_a_bucket_that_is_not_there_is_no_empty_lake(bucket: str, use: str) -> None:
    with pytest.raises(InputError, match="there is no bucket nowhere at AWS_ENDPOINT_URL=http"):
        USES[use](Lake("s3://nowhere/lake"))


def test_an_endpoint_that_is_no_object_store_is_named(
    answering: Callable[[int, str], str],
) -> None:
    address = answering(404, "<html>Nothing here</html>")
    with pytest.raises(InputError, match=rf"feed at AWS_ENDPOINT_URL={address}: .* AWS_ENDPOINT"):
        Lake("s3://feed/lake").days("impressions", "tiny")


def test_a_command_says_it_in_one_line_without_a_secret(
    answering: Callable[[int, str], str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answering(403, f"<Error><Code>AccessDenied</Code><Message>{SECRET}</Message></Error>")
    monkeypatch.setenv("LIS_LAKE", "s3://feed/lake")
    code = main(["report", "--scenario", "simulated_feed", "--as-of", "2026-01-31"])
    printed = capsys.readouterr()
    [line] = printed.err.splitlines()
    assert code == ExitCode.BAD_INPUT
    assert line.startswith("error: s3://feed/lake/")
    assert SECRET not in printed.err + printed.out


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        ("NETWORK_CONNECTION during HeadObject", ServiceUnavailable, "cannot be reached at Amazon"),
        ("SLOW_DOWN during HeadObject", ServiceUnavailable, "cannot be reached at Amazon S3"),
        ("UNKNOWN (HTTP status 503) during HeadObject", ServiceUnavailable, "cannot be reached"),
        ("UNKNOWN (HTTP status 301) during HeadObject", InputError, "set AWS_REGION to the region"),
        ("NO_SUCH_BUCKET during HeadObject", InputError, "there is no bucket feed at Amazon S3"),
        ("INVALID_ACCESS_KEY_ID during GetObject", InputError, "access denied at Amazon S3"),
        ("SIGNATURE_DOES_NOT_MATCH during GetObject", InputError, "correct AWS_SECRET_ACCESS_KEY"),
        ("METHOD_NOT_ALLOWED during GetObject", InputError, "correct AWS_ENDPOINT_URL"),
    ],
)
@pytest.mark.usefixtures("environment")
def test_what_arrow_says_is_explained(code: str, kind: type[Exception], said: str) -> None:
    explained = explain(OSError(ARROW.format(code, "curlCode: 7, refused; Details: port 9")))
    assert type(explained) is kind
    assert str(explained).startswith("s3://feed/lake/a")
    assert said in str(explained)


@pytest.mark.parametrize("error", [OSError("no space left"), ValueError("AWS Error"), KeyError(1)])
def test_other_errors_are_not(error: Exception) -> None:
    assert explain(error) is None


def test_without_credentials_the_variables_are_named(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    settings._client.cache_clear()
    with pytest.raises(InputError, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS"):
        Lake(f"{bucket}/lake").storage.replace("a", b"")
    settings._client.cache_clear()


@pytest.mark.parametrize(
    ("variables", "authority", "options", "expected"),
    [
        ({}, "feed", "", S3Settings(None, "", None)),
        ({"AWS_REGION": "eu-west-1"}, "feed", "", S3Settings(None, "", "eu-west-1")),
        (
            {"AWS_ENDPOINT_URL": "http://store:9000/", "AWS_DEFAULT_REGION": "here"},
            "feed",
            "",
            S3Settings("http://store:9000", "AWS_ENDPOINT_URL", "here"),
        ),
        (
            {"AWS_ENDPOINT_URL": "http://all:1", "AWS_ENDPOINT_URL_S3": "http://s3:2"},
            "feed",
            "?region=there",
            S3Settings("http://s3:2", "AWS_ENDPOINT_URL_S3", "there"),
        ),
        (
            {"AWS_ENDPOINT_URL": "http://all:1"},
            "me:s%2Fcret@feed",
            "?endpoint_override=127.0.0.1:9&scheme=http",
            S3Settings("http://127.0.0.1:9", "endpoint_override", None, "me", "s/cret"),
        ),
        ({"AWS_CA_BUNDLE": "/ca.pem"}, "feed", "", S3Settings(None, "", None, ca_file="/ca.pem")),
    ],
)
def test_settings_come_from_the_uri_and_the_environment(
    environment: pytest.MonkeyPatch,
    variables: dict[str, str],
    authority: str,
    options: str,
    expected: S3Settings,
) -> None:
    for name, value in variables.items():
        environment.setenv(name, value)
    assert S3Settings.of(authority, options) == expected


@pytest.mark.parametrize(
    ("uri", "endpoint", "said"),
    [
        (
            "s3://feed/lake?colour=red",
            "",
            "no option of an s3:// URI: use region, scheme",
        ),
        ("s3:///lake", "", "names no bucket: write s3://bucket/folder"),
        (
            "s3://feed/lake",
            "ftp://store",
            "AWS_ENDPOINT_URL=ftp://store is no address: write",
        ),
    ],
)
def test_a_location_that_cannot_be_used_is_refused(
    environment: pytest.MonkeyPatch, uri: str, endpoint: str, said: str
) -> None:
    environment.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(InputError, match=said):
        Lake(uri)


def test_a_store_without_conditional_writes_is_read_only() -> None:
    lake = Lake("gs://anonymous@feed/lake")
    with pytest.raises(InputError, match=r"can be read, but not written: choose a local path or"):
        lake.storage.replace("a", b"")
