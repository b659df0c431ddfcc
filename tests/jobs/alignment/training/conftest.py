"""Training of an encoder that is smaller than ``small``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from jobs.alignment.encoders.kinds import small

BUCKETS = 64


@pytest.fixture(autouse=True)
def few_buckets(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Words of the tests need no table of a million weights, whose update takes most of a step."""
    small._buckets.cache_clear()
    monkeypatch.setattr(small, "BUCKETS", BUCKETS)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
    small._buckets.cache_clear()
