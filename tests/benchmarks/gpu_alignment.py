"""Alignment on a CUDA device: a CLIP and a vision-language model of half a billion weights.

Run as ``python -m tests.benchmarks.gpu_alignment [--items N] [--epochs N] [--models NAMES]``. The
models have the sizes of real ones and random weights, written by ``save_pretrained``; items have a
title and a picture. They are aligned by the code that users run: LoRA, the contrastive loss, bf16
where the hardware has it. Without a CUDA device the CPU is measured, on as few items as are asked
for.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from jobs.alignment.aligned_encoder import read_encoder
from jobs.alignment.training.align import align
from jobs.lake import Lake
from jobs.ranker.model.device import default_device
from jobs.scenarios import AlignmentOptions, Scenario, load_scenario
from tests.benchmarks.page import Page
from tests.jobs.alignment.encoders.tiny_models import save_tokenizer
from tests.jobs.alignment.preference_lake import WORDS, content, publish_curated

DAY, KIND = date(2026, 1, 10), "id_embedding"
BATCHES = {"clip": 64, "vlm": 16}
SIDE = 224


@dataclass(frozen=True)
class Run:
    """million_weights: all of the model. trained: of these, by LoRA and projection.

    gigabytes: peak of the device, 0 on a CPU.
    """

    model: str
    device: str
    million_weights: float
    trained: float
    items_per_second: float
    steps: int
    gigabytes: float


def save_clip(folder: Path) -> None:
    """A CLIP of the size of ViT-B/32."""
    from transformers import CLIPConfig, CLIPModel
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    config = CLIPConfig(
        text_config={"vocab_size": 1024, "eos_token_id": 1, "pad_token_id": 0},
        vision_config={"image_size": SIDE, "patch_size": 32},
    )
    CLIPModel(config).save_pretrained(folder)
    CLIPImageProcessorPil(
        size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}
    ).save_pretrained(folder)
    save_tokenizer(folder, WORDS)


def save_vlm(folder: Path) -> None:
    """An InternVL whose language model has the size of Qwen2 with half a billion weights."""
    from transformers import InternVLConfig, InternVLForConditionalGeneration
    from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil

    config = InternVLConfig(
        vision_config={
            "image_size": [SIDE, SIDE],
            "patch_size": [14, 14],
            "hidden_size": 768,
            "intermediate_size": 3072,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
        },
        text_config={
            "model_type": "qwen2",
            "vocab_size": 32_000,
            "hidden_size": 1024,
            "intermediate_size": 4864,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "num_key_value_heads": 2,
        },
        image_token_id=4,
        image_seq_length=64,
    )
    InternVLForConditionalGeneration(config).save_pretrained(folder)
    GotOcr2ImageProcessorPil(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    around = {"start_image_token": "<start>", "end_image_token": "<end>"}
    save_tokenizer(folder, WORDS, extra_special_tokens=around)


def save_pictures(folder: Path, items: int) -> list[str]:
    """Pictures of noise, one for each item; returns their names."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    names = [f"{number}.jpg" for number in range(items)]
    for name in names:
        pixels = generator.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        Image.fromarray(pixels).save(folder / name, quality=90)
    return names


def scenario_of(name: str, model: Path, raw: Path, epochs: int) -> Scenario:
    """The simulated feed with an encoder of that model."""
    options = {
        "curation": {"min_validation": 2},
        "encoder": {"name": "vision_language", "model": str(model), "dim": 64, "max_tokens": 16},
        "training": {"epochs": epochs, "batch_size": BATCHES[name], "patience": epochs},
    }
    scenario = load_scenario("simulated_feed")
    source = scenario.source.model_copy(update={"raw": str(raw)})
    alignment = AlignmentOptions.model_validate(options)
    return scenario.model_copy(update={"alignment": alignment, "source": source})


def measured(name: str, items: int, epochs: int) -> Run:
    """Align one model."""
    save = {"clip": save_clip, "vlm": save_vlm}[name]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        save(root / "model")
        pictures = save_pictures(root / "raw", items)
        scenario = scenario_of(name, root / "model", root / "raw", epochs)
        lake = Lake(str(root / "lake"))
        columns = content(range(items)) | {"image": pictures, "vector": [None] * items}
        publish_curated(lake, scenario, items=items, day=DAY, **columns)
        device = default_device()
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        started = time.perf_counter()
        manifest = align(lake, scenario, KIND, DAY)
        seconds = time.perf_counter() - started
        memory = torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else 0.0
        trained = int(manifest.facts["trained"])
        done = int(manifest.facts["epochs"])
        weights = list(read_encoder(lake, scenario, KIND, DAY).parameters())
        return Run(
            name,
            device.type,
            sum(one.numel() for one in weights) / 1e6,
            sum(one.numel() for one in weights if one.requires_grad) / 1e6,
            trained * done / seconds,
            done * -(-trained // BATCHES[name]),
            memory,
        )


def table(runs: Sequence[Run]) -> str:
    """The runs in Markdown."""
    rows = [
        f"| {run.model} | {run.device} | {run.million_weights:.0f} M | {run.trained:.1f} M | "
        f"{run.steps} | {run.items_per_second:.0f} | {run.gigabytes:.1f} GB |"
        for run in runs
    ]
    head = "| model | device | weights | trained | steps | items/s | peak memory |"
    return "\n".join([head, "|---|---|---|---|---|---|---|", *rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--models", default="clip,vlm")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    runs = []
    for name in options.models.split(","):
        runs.append(measured(name, options.items, options.epochs))
        sys.stderr.write(f"{runs[-1]}\n")
    Page(
        name="gpu_alignment",
        title="Alignment on a CUDA device",
        did=f"{options.items:,} items with a title and a picture of {SIDE} pixels a side, "
        f"{options.epochs} epochs",
        found=table(runs),
        means="Items a second cover everything: reading pictures, training, and the recall of "
        "validation items after each epoch. Weights are random: what is learnt means nothing.",
        figures={"runs": [asdict(run) for run in runs]},
        load=load,
    ).publish(kept=torch.cuda.is_available())


if __name__ == "__main__":
    main()
