"""The password of a URI is in no error, log, traceback or link."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.cli.main import main
from jobs.common.errors import InputError
from jobs.common.secrets import SafeFormatter, without_password
from jobs.lake.storage import Storage
from jobs.preference.kinds.custom_table import CustomTable
from jobs.scenarios import PreferenceTable
from jobs.tracking.store import page_url

PASSWORD = "hunter2pass"
SCENARIO = """\
title: Case
source: {reader: table, path: log, columns: {user_id: u, item_id: i, ts: t, label: c}}
"""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "no run at http://lis:hunter2pass@host:5000/a, retry",
            "no run at http://host:5000/a, retry",
        ),
        (
            "postgresql+psycopg2://lis:p@ss/w?rd#1@db:5432/mlflow",
            "postgresql+psycopg2://db:5432/mlflow",
        ),
        ("'https://ghp_hunter2pass@host/x'", "'https://host/x'"),
        ("s3://AKIA:hunter2pass@bucket/raw and s3://b/c", "s3://bucket/raw and s3://b/c"),
        ("mssql://db?user=a&password=hunter2pass&x=1", "mssql://db?user=a&password=***&x=1"),
        ("s3://b?secret_key=hunter2pass", "s3://b?secret_key=***"),
        ("http://127.0.0.1:5000/#/experiments/1?a=b", "http://127.0.0.1:5000/#/experiments/1?a=b"),
        ("mail to a@b.example, file:///a@b", "mail to a@b.example, file:///a@b"),
    ],
)
def test_users_and_passwords_are_removed(text: str, shown: str) -> None:
    assert without_password(text) == shown


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=4))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_no_password_is_left_whatever_characters_it_has(password: str) -> None:
    password = f"<{password}>"
    for uri in (f"http://lis:{password}@host/x", f"postgresql://:{password}@db:5432/mlflow"):
        assert password not in without_password(f"cannot use {uri}: refused")


@pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
def test_secrets_of_an_object_store_are_hidden(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "wJalr+XUt/nFEMI")
    assert without_password("signed with wJalr+XUt/nFEMI: no") == "signed with ***: no"


def test_a_password_of_the_environment_is_hidden_outside_its_uri(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOME_DATABASE", "postgresql://lis:my%20pass word@db/mlflow")
    shown = without_password("login failed for lis with 'my pass word' (my%20pass word)")
    assert shown == "login failed for lis with '***' (***)"


def test_errors_and_logs_and_links_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    uri = f"http://lis:{PASSWORD}@mlflow.example"
    assert PASSWORD not in str(InputError(f"cannot use {uri}"))
    with pytest.raises(InputError, match="cannot use") as refused:
        Storage(f"nosuch://lis:{PASSWORD}@bucket/raw")
    assert PASSWORD not in str(refused.value)
    try:
        raise ValueError(uri)
    except ValueError:
        record = logging.LogRecord("jobs", logging.INFO, "", 1, "at %s", (uri,), sys.exc_info())
    line = SafeFormatter("%(message)s").format(record)
    assert "at http://mlflow.example" in line
    assert "ValueError" in line
    assert PASSWORD not in line
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.delenv("LIS_MLFLOW_UI", raising=False)
    assert page_url("#/") == "http://mlflow.example/#/"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LIS_LAKE", f"nosuch://lis:{PASSWORD}@bucket/lake"),
        ("LIS_RAW", f"nosuch://lis:{PASSWORD}@bucket/raw"),
    ],
)
def test_a_command_that_refuses_a_uri_does_not_print_its_password(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variable: str,
    value: str,
) -> None:
    (tmp_path / "scenario.yaml").write_text(SCENARIO)
    monkeypatch.setenv("LIS_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv(variable, value)
    assert main(["ingest", "--scenario", str(tmp_path / "scenario.yaml")]) == 2
    printed = "".join(capsys.readouterr())
    assert "nosuch://bucket" in printed
    assert PASSWORD not in printed


def test_the_description_of_a_custom_table_has_none() -> None:
    table = PreferenceTable(name="mine", path=f"s3://lis:{PASSWORD}@bucket/table", vector="vector")
    assert CustomTable(table).summary == "vectors from s3://bucket/table"


def test_a_traceback_has_none() -> None:
    code = (
        "from jobs.common.secrets import hide_in_tracebacks\n"
        "hide_in_tracebacks()\n"
        f"raise ValueError('postgresql://lis:{PASSWORD}@db/mlflow')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ValueError: postgresql://db/mlflow" in done.stderr
    assert PASSWORD not in done.stderr
