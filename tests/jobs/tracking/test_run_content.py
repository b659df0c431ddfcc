"""Contract of jobs.tracking.run_content."""

from __future__ import annotations

import pytest

from jobs.tracking.run_content import source_tags
from tests.jobs.tracking.sample_results import make_result


@pytest.mark.parametrize(
    ("code_version", "commit"),
    [
        ("abc1234567", "abc1234567"),
        ("abc1234567+", "abc1234567"),
        ("v0.2.0-3-gabc1234567+", "abc1234567"),
        ("0.2.0", None),
    ],
)
def test_a_run_names_its_commit(code_version: str, commit: str | None) -> None:
    tags = source_tags(make_result(code_version=code_version))
    assert tags.get("mlflow.source.git.commit") == commit
