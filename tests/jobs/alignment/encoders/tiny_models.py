"""Tiny checkpoints with random weights of the real classes, as ``save_pretrained`` writes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

WORDS = ("the", "third", "man", "bites", "dog", "night", "film", ".")
_LAYERS = {"num_hidden_layers": 2, "num_attention_heads": 4}
_HIDDEN = {"hidden_size": 32, "intermediate_size": 48, **_LAYERS}
_SPECIAL = ("<pad>", "<eos>", "<start>", "<end>", "<image>", "<video>", "[UNK]")
_IMAGE_TOKEN = 4


def save_tiny(name: str, folder: Path) -> None:
    """Write a checkpoint: model, tokenizer and picture processor."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        {"bert": _bert, "clip": _clip, "qwen": _qwen, "internvl": _internvl, "vit": _vit}[name](
            folder
        )


def save_tokenizer(folder: Path, words: Sequence[str], **special: Any) -> None:
    """Write a tokenizer of whole words."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: number for number, word in enumerate((*_SPECIAL, *words))}
    model = {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"}
    written = {"version": "1.0", "pre_tokenizer": {"type": "Whitespace"}, "model": model}
    PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(written)),
        unk_token="[UNK]",
        pad_token="<pad>",
        eos_token="<eos>",
        **special,
    ).save_pretrained(folder)


def _bert(folder: Path) -> None:
    from transformers import BertConfig, BertModel

    BertModel(BertConfig(vocab_size=1500, **_HIDDEN)).save_pretrained(folder)
    save_tokenizer(folder, WORDS)


def _clip(folder: Path) -> None:
    from transformers import CLIPConfig, CLIPModel
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    config = CLIPConfig(
        text_config={"vocab_size": 64, "eos_token_id": 1, "pad_token_id": 0, **_HIDDEN},
        vision_config={"image_size": 32, "patch_size": 8, **_HIDDEN},
        projection_dim=24,
    )
    CLIPModel(config).save_pretrained(folder)
    CLIPImageProcessorPil(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    ).save_pretrained(folder)
    save_tokenizer(folder, WORDS)


def _qwen(folder: Path) -> None:
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": 64,
            "num_key_value_heads": 2,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1e4,
                "mrope_section": [1, 1, 2],
            },
            **_HIDDEN,
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": 2,
            "out_hidden_size": 32,
            "fullatt_block_indexes": [1],
        },
        image_token_id=_IMAGE_TOKEN,
        video_token_id=5,
        vision_start_token_id=2,
        vision_end_token_id=3,
    )
    Qwen2_5_VLForConditionalGeneration(config).save_pretrained(folder)
    Qwen2VLImageProcessorPil().save_pretrained(folder)
    save_tokenizer(folder, WORDS)


def _internvl(folder: Path) -> None:
    from transformers import InternVLConfig, InternVLForConditionalGeneration
    from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil

    config = InternVLConfig(
        vision_config={"image_size": [56, 56], "patch_size": [14, 14], **_HIDDEN},
        text_config={
            "model_type": "qwen2",
            "vocab_size": 64,
            "num_key_value_heads": 2,
            **_HIDDEN,
        },
        image_token_id=_IMAGE_TOKEN,
        image_seq_length=4,
    )
    InternVLForConditionalGeneration(config).save_pretrained(folder)
    GotOcr2ImageProcessorPil(
        size={"height": 56, "width": 56}, crop_to_patches=True
    ).save_pretrained(folder)
    around = {"start_image_token": "<start>", "end_image_token": "<end>"}
    save_tokenizer(folder, WORDS, extra_special_tokens=around)


def _vit(folder: Path) -> None:
    from transformers import ViTConfig, ViTModel
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    config = ViTConfig(image_size=32, patch_size=8, **_HIDDEN)
    ViTModel(config, add_pooling_layer=False).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
