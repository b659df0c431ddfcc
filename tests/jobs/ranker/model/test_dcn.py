import pytest
import torch
from torch import Tensor, nn

from jobs.ranker.model.dcn import DeepCrossNetwork
from jobs.scenarios import RankerOptions

DIM = 4


def network(**options: object) -> DeepCrossNetwork:
    defaults = {"embedding_dim": DIM, "cross_layers": 2, "hidden_units": (8, 5)}
    return DeepCrossNetwork(3, 1, RankerOptions.model_validate({**defaults, **options}))


def inputs(rows: int = 5, clicks: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return (
        torch.randn(rows, 3, DIM, generator=generator),
        torch.randn(rows, clicks, DIM, generator=generator),
        torch.rand(rows, clicks, generator=generator) < 0.5,
    )


def test_equals_the_formulas_of_the_paper() -> None:
    net = network()
    fields, history, clicked = inputs()
    logits = net(fields, history, clicked)
    for row in range(len(fields)):
        kept = history[row][clicked[row]]
        pooled = kept.mean(dim=0) if len(kept) else torch.zeros(DIM)
        start = torch.cat([fields[row].flatten(), pooled])
        crossed, hidden = start, start
        for layer in net.cross:
            crossed = start * (layer.weight @ crossed + layer.bias) + crossed
        for layer in net.deep:
            hidden = (layer.weight @ hidden + layer.bias).clamp(min=0)
        expected = net.head.weight[0] @ torch.cat([crossed, hidden]) + net.head.bias[0]
        torch.testing.assert_close(logits[row], expected, atol=1e-5, rtol=1e-5)


def test_attention_is_the_softmax_over_the_clicks() -> None:
    net = network(history_pooling="attention")
    item, history, _ = inputs()[0][:, 1], *inputs()[1:]
    clicked = torch.tensor([[1, 1, 1], [1, 0, 1], [0, 0, 1], [0, 0, 0], [1, 1, 0]]).bool()
    pooled = net._pooled(item, history, clicked)
    for row in range(len(item)):
        kept = history[row][clicked[row]]
        weights = torch.softmax(kept @ item[row] / DIM**0.5, dim=0)
        torch.testing.assert_close(pooled[row], weights @ kept, atol=1e-6, rtol=1e-5)


def test_attention_survives_padding_that_matches_far_better_than_the_clicks() -> None:
    net = network(history_pooling="attention")
    item = torch.full((1, DIM), 30.0)
    history = torch.stack([torch.full((DIM,), 30.0), torch.full((DIM,), -1.0)])[None]
    pooled = net._pooled(item, history, torch.tensor([[False, True]]))
    torch.testing.assert_close(pooled[0], history[0, 1])


@pytest.mark.parametrize("pooling", ["mean", "attention"])
def test_padding_has_no_influence(pooling: str) -> None:
    net = network(history_pooling=pooling)
    fields, history, clicked = inputs()
    other = torch.where(clicked[:, :, None], history, torch.randn_like(history))
    torch.testing.assert_close(net(fields, history, clicked), net(fields, other, clicked))


@pytest.mark.parametrize(
    "options",
    [{"cross_layers": 0}, {"hidden_units": ()}, {"cross_layers": 0, "hidden_units": ()}],
)
def test_parts_can_be_left_out(options: dict[str, object]) -> None:
    assert network(**options)(*inputs()).shape == (5,)


def test_works_without_history() -> None:
    net = network(history_length=0)
    fields, _, _ = inputs()
    empty = torch.zeros(5, 0, DIM), torch.zeros(5, 0, dtype=torch.bool)
    assert net(fields, *empty).shape == (5,)


def test_initial_weights_come_from_the_seed_alone() -> None:
    torch.manual_seed(5)
    first = network()
    torch.manual_seed(6)
    assert torch.equal(flat(first), flat(network()))
    assert not torch.equal(flat(first), flat(network(seed=1)))


def flat(module: nn.Module) -> Tensor:
    return torch.cat([parameter.flatten() for parameter in module.parameters()])
