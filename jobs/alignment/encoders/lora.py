"""LoRA in the attention of pretrained models, whose layers are known by their names."""

from __future__ import annotations

from typing import Any

from torch import nn

from jobs.common.errors import InputError

_ATTENTION = frozenset(
    {
        *("query", "key", "value"),  # BERT and its like
        *("q_proj", "k_proj", "v_proj", "o_proj", "out_proj"),  # CLIP, Llama, Qwen
        "projection_layer",  # InternVL's pictures
        *("q_lin", "k_lin", "v_lin", "out_lin"),  # DistilBERT
        *("q", "k", "v", "o"),  # T5, MPNet
        *("qkv", "proj"),  # Qwen's pictures
        *("Wqkv", "Wo"),  # ModernBERT
    }
)
_FEED_FORWARD = frozenset({"gate_proj", "up_proj", "down_proj"})


def add_lora(model: Any, rank: int, name: str) -> None:
    """Freeze a model and add LoRA to its attention; in language models of Qwen, to its MLPs too.

    Args:
        model: The model, which is changed.
        rank: Rank of the added matrices.
        name: The model's, for the message.

    Raises:
        InputError: If the model has no layers with names that are known.
    """
    from peft import LoraConfig, inject_adapter_in_model

    is_qwen = model.config.model_type.startswith("qwen")
    targets = []
    for path, module in model.named_modules():
        # Subclasses compute in ways that LoRA would not notice.
        if type(module) is nn.Linear:
            layer = path.rpartition(".")[2]
            is_language = "visual" not in path.split(".")
            if layer in _ATTENTION or (is_qwen and is_language and layer in _FEED_FORWARD):
                targets.append(path)
    if not targets:
        raise InputError(
            f"model {name}: {type(model).__name__} has no layers of attention by the names that "
            "LoRA is known for here; set lora_rank: 0 to train all weights"
        )
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=targets)
    inject_adapter_in_model(config, model)
    model.eval()
