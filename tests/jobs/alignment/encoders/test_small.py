"""The default encoder: from scratch, on words and the items' own vectors."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from jobs.alignment.encoders.registry import load_encoder, new_encoder, save_encoder
from jobs.common.errors import InputError
from jobs.scenarios import Scenario, load_scenario

WORDS = ["The third man", "a MAN", None, "", "長い夜 night", "word " * 500]
VECTORS = [[1.0, 2.0], None, [3.0, -1.0], [0.5, 0.0], None, [1.0, 1.0]]


@pytest.fixture
def scenario() -> Scenario:
    return load_scenario("simulated_feed")


def test_state_depends_on_its_item_alone(scenario, make_items):
    items = make_items(title=WORDS, category=["a", None, None, "b", "b", "c"], vector=VECTORS)
    encoder = new_encoder(scenario, items).eval()

    together = encoder.states(encoder.inputs(items))

    assert together.shape == (6, encoder.width)
    assert together.dtype == torch.float32
    assert together.isfinite().all()
    for row in range(len(items)):
        alone = encoder.states(encoder.inputs(items.slice(row, 1)))
        torch.testing.assert_close(alone[0], together[row], rtol=1e-5, atol=1e-5)


def test_every_part_of_the_content_and_its_field_count(scenario, make_items):
    items = make_items(
        title=["man", "woman", None, None, "man", "man"],
        category=[None, None, "man", None, None, None],
        text=[None, None, None, "man", None, None],
        vector=[None, None, None, None, [1.0, 2.0], [2.0, 1.0]],
    )
    states = new_encoder(scenario, items).eval()
    distinct = states.states(states.inputs(items))

    distances = torch.cdist(distinct, distinct) + 9 * torch.eye(len(items))
    assert distances.min() > 1e-2


def test_order_of_words_counts_and_case_does_not(scenario, make_items):
    items = make_items(title=["man bites dog", "dog bites man", "MAN Bites dog"])
    encoder = new_encoder(scenario, items).eval()
    first, turned, upper = encoder.states(encoder.inputs(items))

    assert torch.equal(first, upper)
    assert (first - turned).abs().max() > 1e-3


def test_words_that_share_characters_are_near(scenario, make_items):
    items = make_items(title=["tornado", "tornados", "kitchen"])
    encoder = new_encoder(scenario, items).eval()
    word, plural, other = (
        encoder.parts(row).sum(0) for row in encoder.inputs(items)["parts"][:, 0]
    )

    cosine = torch.nn.functional.cosine_similarity
    assert cosine(word, plural, dim=0) > 0.5 > cosine(word, other, dim=0)


def test_only_max_tokens_words_are_read(scenario, make_items):
    items = make_items(title=["a " * 64 + "b", "a " * 64 + "c", "a " * 63 + "b"])
    encoder = new_encoder(scenario, items).eval()
    first, second, third = encoder.states(encoder.inputs(items))

    assert torch.equal(first, second)
    assert not torch.equal(first, third)


def test_seed_decides_weights_and_torch_draws_on_as_before(scenario, make_items):
    items = make_items(title=["x"], vector=[[1.0]])
    training = scenario.alignment.training.model_copy(update={"seed": 1})
    reseeded = scenario.model_copy(
        update={"alignment": scenario.alignment.model_copy(update={"training": training})}
    )
    torch.manual_seed(3)
    drawn = torch.rand(4)
    torch.manual_seed(3)
    first, again, other = (new_encoder(s, items) for s in (scenario, scenario, reseeded))

    assert torch.equal(torch.rand(4), drawn)
    assert all(map(torch.equal, first.parameters(), again.parameters()))
    assert not torch.equal(first.vector.weight, other.vector.weight)


def test_saved_encoder_gives_the_same_states_and_bytes(scenario, make_items, tmp_path: Path):
    items = make_items(title=WORDS, vector=VECTORS)
    encoder = new_encoder(scenario, items)
    optimizer = torch.optim.SGD(encoder.parameters(), 0.1)
    encoder.states(encoder.inputs(items)).square().sum().backward()
    optimizer.step()
    encoder.eval()
    save_encoder(encoder.requires_grad_(False), tmp_path / "first")
    loaded = load_encoder(tmp_path / "first", scenario).eval()
    save_encoder(loaded, tmp_path / "second")

    inputs = encoder.inputs(items)
    assert torch.equal(loaded.states(inputs), encoder.states(inputs))
    names = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert names == ["encoder.json", "encoder.safetensors"]
    for name in names:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_every_weight_is_trained(scenario, make_items):
    items = make_items(title=WORDS, vector=VECTORS)
    encoder = new_encoder(scenario, items)
    # A sum over all of a normalised state would be constant.
    states = encoder.states(encoder.inputs(items))
    (states * torch.arange(states.numel()).reshape(states.shape)).sum().backward()

    assert all(weight.grad is not None and weight.grad.any() for weight in encoder.parameters())


def test_vectors_are_optional_and_their_scale_does_not_matter(scenario, make_items):
    items = make_items(title=["x", "y"], vector=[[1.0, 5.0], [2.0, 3.0]])
    larger = make_items(title=["x", "y"], vector=[[1000.0, 5000.0], [2000.0, 3000.0]])
    small, large = (new_encoder(scenario, table) for table in (items, larger))

    torch.testing.assert_close(
        small.states(small.inputs(items)), large.states(large.inputs(larger))
    )
    without = new_encoder(scenario, items.drop_columns("vector"))
    assert without.width < small.width
    assert set(without.inputs(items)) == {"parts", "fields"}


@pytest.mark.parametrize(
    ("vector", "message"),
    [
        ([[1.0, 2.0], [1.0]], "vector of item 2 has 1 numbers, that of others has 2"),
        ([None, [1.0, float("nan")]], "vector of item 2 has a number that is not finite"),
        ([[1.0, 2.0], [1.0, None]], "vector of item 2 has a number that is not finite"),
    ],
)
def test_bad_vector_is_named(scenario, make_items, vector, message):
    encoder = new_encoder(scenario, make_items(vector=[[1.0, 2.0]]))

    with pytest.raises(InputError, match=message):
        encoder.inputs(make_items(title=["x", "y"], vector=vector))


def test_no_items_are_no_states(scenario, make_items):
    items = make_items(title=["x"], vector=[[1.0]])
    encoder = new_encoder(scenario, items).eval()

    assert encoder.states(encoder.inputs(items.slice(0, 0))).shape == (0, encoder.width)
