from pathlib import Path

import pytest

from jobs.common import paths
from jobs.common.paths import PROJECT, data_folder, in_checkout


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LIS_DATA", raising=False)


def test_a_checkout_keeps_its_data_beside_the_code() -> None:
    assert in_checkout()
    assert data_folder() == PROJECT / "data"


def test_an_installed_package_keeps_its_data_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "PROJECT", tmp_path / "site-packages")
    assert not in_checkout()
    assert data_folder() == tmp_path / "data"


def test_the_environment_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIS_DATA", "/feeds")
    assert data_folder() == Path("/feeds")
