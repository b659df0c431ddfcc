"""Encoders of transformers, on tiny checkpoints of the real classes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch

from jobs.alignment.encoders.encoder import ContentEncoder
from jobs.alignment.encoders.registry import load_encoder, new_encoder, save_encoder
from jobs.common.errors import InputError
from jobs.scenarios import Scenario
from tests.jobs.alignment.encoders.conftest import needs_align

pytestmark = needs_align

ENCODERS = {
    "bert": ("text", "bert", None),
    "clip": ("vision_language", "clip", None),
    "qwen": ("vision_language", "qwen", None),
    "internvl": ("vision_language", "internvl", None),
    "late": ("image_text", "bert", "vit"),
}
Make = Callable[..., Scenario]


@pytest.fixture(params=ENCODERS)
def case(request: pytest.FixtureRequest, tiny_model, encoder_scenario: Make) -> Make:
    """Make the scenario of each encoder."""
    name, model, image_model = ENCODERS[request.param]
    models: dict[str, Any] = {"model": str(tiny_model(model))}
    if image_model:
        models["image_model"] = str(tiny_model(image_model))
    return lambda **options: encoder_scenario(name=name, **models, **options)


@pytest.fixture
def items(make_items, pictures: list[str]) -> pa.Table:
    """Items with a picture and a title, with one of them, and with neither."""
    return make_items(
        title=["the third man", "man bites dog", "the third man", None, None, "dog <image> man"],
        category=["film", None, "film", None, None, None],
        image=[pictures[0], None, pictures[1], pictures[0], None, pictures[1]],
    )


def trained(encoder: ContentEncoder, items: pa.Table) -> ContentEncoder:
    """The encoder after a step of training, which changes its weights."""
    encoder.train()
    optimizer = torch.optim.SGD([w for w in encoder.parameters() if w.requires_grad], 0.5)
    for _ in range(2):
        optimizer.zero_grad()
        encoder.states(encoder.inputs(items)).square().sum().backward()
        optimizer.step()
    return encoder.eval()


def trainable(encoder: ContentEncoder) -> set[str]:
    return {name for name, weight in encoder.named_parameters() if weight.requires_grad}


@torch.no_grad()
def states(encoder: ContentEncoder, items: pa.Table) -> torch.Tensor:
    return encoder.states(encoder.inputs(items))


def test_state_depends_on_its_item_alone(case: Make, items: pa.Table):
    encoder = new_encoder(case(), items)
    together = states(encoder, items)

    assert together.shape == (6, encoder.width)
    assert together.dtype == torch.float32
    assert together.isfinite().all()
    for row in range(len(items)):
        alone = states(encoder, items.slice(row, 1))
        torch.testing.assert_close(alone[0], together[row], rtol=1e-4, atol=1e-5)


def test_text_and_picture_count(case: Make, items: pa.Table):
    encoder = new_encoder(case(), items)
    found = states(encoder, items)
    distance = torch.cdist(found, found)
    assert distance[0, 1] > 1e-3
    if type(encoder).__name__ != "TextEncoder":
        assert distance[0, 2] > 1e-3
        assert distance[3, 4] > 1e-3


@pytest.mark.parametrize("rank", [0, 2])
def test_saved_encoder_gives_the_same_states(case: Make, items, tmp_path: Path, rank: int):
    scenario = case(lora_rank=rank)
    first = new_encoder(scenario, items)
    before = states(first, items)
    encoder = trained(first, items)
    save_encoder(encoder, tmp_path / "first")
    loaded = load_encoder(tmp_path / "first", scenario)
    save_encoder(loaded, tmp_path / "second")

    after = states(encoder, items)
    assert not torch.equal(before, after)
    assert torch.equal(states(loaded, items), after)
    files = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert files == sorted(path.name for path in (tmp_path / "second").iterdir())
    for name in files:
        content = (tmp_path / "first" / name).read_bytes()
        assert content == (tmp_path / "second" / name).read_bytes()
        assert str(tmp_path).encode() not in content
    trainable = {name for name, weight in loaded.named_parameters() if weight.requires_grad}
    assert trainable == {
        name for name, weight in encoder.named_parameters() if weight.requires_grad
    }


def test_lora_trains_little_and_the_rest_is_not_stored(case: Make, items, tmp_path: Path):
    adapted, whole = (new_encoder(case(lora_rank=rank), items) for rank in (2, 0))
    torch.testing.assert_close(states(adapted, items), states(whole, items))
    sizes = []
    for name, encoder in (("adapted", adapted), ("whole", whole)):
        save_encoder(encoder, tmp_path / name)
        sizes.append((tmp_path / name / "encoder.safetensors").stat().st_size)

    weights = {n: w.detach().clone() for n, w in adapted.named_parameters() if not w.requires_grad}
    trained(adapted, items)
    assert sizes[0] < sizes[1] / 4
    assert all(torch.equal(weights[n], w) for n, w in adapted.named_parameters() if n in weights)


def test_training_mode_changes_no_state(case: Make, items: pa.Table):
    encoder = new_encoder(case(), items)
    assert torch.equal(states(encoder.train(), items), states(encoder.eval(), items))


def test_changed_base_is_refused(tiny_model, encoder_scenario: Make, items, tmp_path: Path):
    base = tmp_path / "base"
    shutil.copytree(tiny_model("bert"), base)
    scenario = encoder_scenario(name="text", model=str(base))
    save_encoder(new_encoder(scenario, items), tmp_path / "stored")
    content = bytearray((base / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (base / "model.safetensors").write_bytes(bytes(content))

    with pytest.raises(InputError, match=r"has other weights \(SHA-256 .*put that one back, or"):
        load_encoder(tmp_path / "stored", scenario)


def test_whole_encoder_needs_no_base(tiny_model, encoder_scenario: Make, items, tmp_path: Path):
    base = tmp_path / "base"
    shutil.copytree(tiny_model("clip"), base)
    scenario = encoder_scenario(name="vision_language", model=str(base), lora_rank=0)
    encoder = new_encoder(scenario, items)
    save_encoder(encoder, tmp_path / "stored")
    shutil.rmtree(base)

    loaded = load_encoder(tmp_path / "stored", scenario)
    assert torch.equal(states(loaded, items), states(encoder, items))


def test_language_model_of_qwen_adapts_its_feed_forward_layers(tiny_model, encoder_scenario, items):
    scenario = encoder_scenario(name="vision_language", model=str(tiny_model("qwen")))
    encoder = new_encoder(scenario, items)
    adapted = trainable(encoder)

    for layer in ("self_attn.q_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.down_proj"):
        assert f"model.language_model.layers.0.{layer}.lora_A.default.weight" in adapted
    assert "model.visual.blocks.0.attn.qkv.lora_A.default.weight" in adapted
    assert not any("visual" in name and "mlp" in name for name in adapted)
