"""The device that torch computes on, and a GPU that is asked for and absent."""

import pytest
import torch

from jobs.common.errors import InputError
from jobs.ranker.model.device import default_device


@pytest.mark.parametrize("has_gpu", [False, True])
def test_the_variable_decides(monkeypatch: pytest.MonkeyPatch, has_gpu: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    found = {}
    for asked in ("", "auto", "cpu"):
        monkeypatch.setenv("LIS_DEVICE", asked)
        found[asked] = default_device().type

    gpu = "cuda" if has_gpu else "cpu"
    assert found == {"": gpu, "auto": gpu, "cpu": "cpu"}


def test_absent_gpu_is_an_error_where_one_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("LIS_DEVICE", "cuda")
    with pytest.raises(InputError, match=r"^LIS_DEVICE asks for a GPU \(cuda\), and torch finds"):
        default_device()

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert default_device().type == "cuda"


def test_another_device_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIS_DEVICE", "gpu")
    with pytest.raises(InputError, match="LIS_DEVICE is 'gpu': set it to cpu, cuda or auto"):
        default_device()
