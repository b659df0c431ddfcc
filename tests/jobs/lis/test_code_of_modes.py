"""Stored predictions and importances become stale exactly when code they depend on is edited."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.common import code_digest as module
from jobs.common.code_digest import code_digest
from jobs.common.paths import PROJECT
from jobs.lis.probe import Probe
from jobs.lis.retrain import Retrain
from jobs.scenarios import RetrainOptions

MODULES = ("jobs.lis.probe", "jobs.lis.retrain", "jobs.lis.slot_importance.importance")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the project's code, to edit. One for all tests: files that stay are parsed once."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(PROJECT / "jobs", folder / "jobs", ignore=shutil.ignore_patterns("*.pyc"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PROJECT", folder)
        yield folder
    code_digest.cache_clear()


def digests() -> list[str]:
    code_digest.cache_clear()
    return [code_digest(name) for name in MODULES]


@pytest.mark.parametrize(
    ("edited", "stale"),
    [
        ("lis/fit_features", (True, True, False)),
        ("lis/slot_importance/permuted", (False, False, True)),
        ("lis/placebo_table", (True, True, False)),
        ("lis/simple_models", (False, False, False)),
        ("preference/kinds/next_click", (False, False, False)),
        ("preference/placebo", (True, True, False)),
        ("preference/registry", (False, False, False)),
        ("ranker/model/dcn", (True, True, True)),
        ("ranker/rows/day_rows", (True, True, True)),
        ("ranker/towers/probe_towers", (True, False, False)),
        ("ranker/towers/retrain_towers", (False, True, False)),
        ("ranker/towers/fit_parts", (True, True, False)),
        ("ranker/towers/regression", (True, True, False)),
        ("ranker/towers/row_features", (True, True, False)),
        # Importances put rankers back that were removed to save space, by training.
        ("ranker/training/train_step", (False, False, True)),
        ("stats/pooled_difference", (False, False, True)),
    ],
)
def test_an_edit_makes_what_depends_on_it_stale(
    project: Path, edited: str, stale: tuple[bool, ...]
) -> None:
    file = project / "jobs" / f"{edited}.py"
    before, code = digests(), file.read_text()
    file.write_text(f"{code}\nEDITED = True\n")
    after = digests()
    file.write_text(code)
    assert tuple(one != other for one, other in zip(before, after, strict=True)) == stale


def test_the_identity_of_a_fitted_mode_contains_the_digest_of_its_code() -> None:
    assert code_digest("jobs.lis.probe") in Probe(7).identity
    assert code_digest("jobs.lis.retrain") in Retrain(RetrainOptions()).identity
