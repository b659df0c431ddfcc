from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from jobs.ranker.model.custom_network import new_network
from jobs.ranker.model.dcn import DeepCrossNetwork
from jobs.ranker.model.wide_and_deep import WideAndDeep, statistic_columns
from jobs.scenarios import RankerOptions

ROWS, FIELDS, DIM, CLICKS, WIDTH = 5, 3, 4, 2, 6
OPTIONS = RankerOptions(embedding_dim=DIM, cross_layers=1, hidden_units=(8,), history_length=CLICKS)


@pytest.fixture
def inputs() -> tuple[Tensor, ...]:
    """Fields, history, clicked and statistics of a few rows."""
    generator = torch.Generator().manual_seed(0)
    return (
        torch.randn(ROWS, FIELDS, DIM, generator=generator),
        torch.randn(ROWS, CLICKS, DIM, generator=generator),
        torch.tensor([[True, False]] * ROWS),
        torch.randn(ROWS, WIDTH, generator=generator),
    )


def trained(statistics: int = WIDTH) -> WideAndDeep:
    """A network of random weights, gate and bias."""
    network = new_network(FIELDS, 1, OPTIONS, statistics)
    generator = torch.Generator().manual_seed(1)
    assert network.head is not None
    with torch.no_grad():
        network.head.weight.copy_(torch.randn(network.head.weight.shape, generator=generator))
        network.wide.copy_(torch.randn(statistics + 2, generator=generator))
    return network.eval()


def test_without_statistics_the_deep_part_stands_alone(inputs: tuple[Tensor, ...]) -> None:
    network = trained(0)
    *vectors, statistics = inputs
    with torch.no_grad():
        expected = network.deep(*vectors)
        for mode in (True, False):
            assert torch.equal(network.train(mode)(*vectors, statistics[:, :0]), expected)


@pytest.mark.parametrize("training", [True, False])
def test_logits_of_both_parts_are_added(inputs: tuple[Tensor, ...], training: bool) -> None:
    """While it is trained, the deep part counts in full."""
    network = trained().train(training)
    weights, gate, bias = network.wide[:-2], float(network.wide[-2]), float(network.wide[-1])
    with torch.no_grad():
        deep = network.deep(*inputs).double()
        expected = inputs[3].double() @ weights + bias + (1.0 if training else gate) * deep
        torch.testing.assert_close(network(*inputs).double(), expected, atol=1e-5, rtol=1e-5)
    assert abs(gate - 1) > 0.01


def test_training_reaches_the_deep_part_alone(inputs: tuple[Tensor, ...]) -> None:
    network = trained().train()
    before = network.wide.clone()
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.1, weight_decay=0.1)
    network(*inputs).sum().backward()
    optimizer.step()
    assert torch.equal(network.wide, before)
    assert all(name.startswith("deep.") for name, _ in network.named_parameters())


def test_the_wide_part_stays_in_float32_under_autocast() -> None:
    """In bf16 its sum would be wrong by a thousandth, more than a day of training moves it."""

    class Zero(nn.Module):
        def forward(self, fields: Tensor, history: Tensor, clicked: Tensor) -> Tensor:
            return fields.new_zeros(len(fields)).bfloat16()

    generator = torch.Generator().manual_seed(2)
    network = WideAndDeep(Zero(), 40, deep_reads_statistics=False)
    network.wide.copy_(torch.randn(42, generator=generator))
    statistics = torch.randn(ROWS, 40, generator=generator)
    nothing = torch.zeros(ROWS, 1, 1)
    expected = network(nothing, nothing, nothing > 0, statistics)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = network(nothing, nothing, nothing > 0, statistics)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


class Custom(nn.Module):
    """Takes three inputs, and has no layer named ``head``."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def forward(self, fields: Tensor, history: Tensor, clicked: Tensor) -> Tensor:
        return self.layer(fields.sum((1, 2))[:, None]).squeeze(1)


def test_a_custom_network_is_given_no_statistics(inputs: tuple[Tensor, ...]) -> None:
    *vectors, statistics = inputs
    network = WideAndDeep(Custom(), WIDTH, deep_reads_statistics=False).eval()
    network.wide[:WIDTH] = 1
    with torch.no_grad():
        expected = network.deep(*vectors) + statistics.sum(dim=1)
        torch.testing.assert_close(network(*inputs), expected)
    assert network.head is None
    assert isinstance(trained().deep, DeepCrossNetwork)
    assert trained().head is not None


def test_each_statistic_has_one_name() -> None:
    names = statistic_columns(("user_id", "item_id"))
    assert len(names) == len(set(names)) == 2 * 4 * 3 + 3
    assert names[:3] == ("user_id_impressions_1d", "user_id_clicks_1d", "user_id_rate_1d")
    assert names[-3:] == ("item_age", "user_click_age", "user_has_click")
