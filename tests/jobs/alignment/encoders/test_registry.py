"""Encoders by name, and what a stored one must have."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.alignment.encoders.registry import (
    encoder_module,
    encoder_names,
    load_encoder,
    new_encoder,
    save_encoder,
)
from jobs.common.code_digest import code_digest
from jobs.common.errors import InputError
from jobs.scenarios import Scenario, load_scenario


@pytest.fixture
def scenario() -> Scenario:
    return load_scenario("simulated_feed")


def test_each_module_is_an_encoder_with_code_to_digest():
    assert "small" in encoder_names()
    digests = {code_digest(encoder_module(name)) for name in encoder_names()}
    assert len(digests) == len(encoder_names())


def test_unknown_encoder_is_answered_with_the_nearest(scenario, make_items):
    encoder = scenario.alignment.encoder.model_copy(update={"name": "smal"})
    wrong = scenario.model_copy(
        update={"alignment": scenario.alignment.model_copy(update={"encoder": encoder})}
    )

    with pytest.raises(InputError, match=r"unknown encoder 'smal': did you mean 'small'\? avail"):
        new_encoder(wrong, make_items(title=["x"]))


def test_looking_names_up_loads_no_heavy_library():
    code = (
        "import sys; from jobs.alignment.encoders.registry import encoder_names; encoder_names();"
        "print([name for name in ('torch', 'transformers', 'peft', 'PIL') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("lost", ["encoder.json", "encoder.safetensors"])
def test_missing_file_is_named(scenario, make_items, tmp_path: Path, lost: str):
    save_encoder(new_encoder(scenario, make_items(title=["x"])), tmp_path)
    (tmp_path / lost).unlink()

    with pytest.raises(InputError, match=f"is no stored encoder: it has no {lost}"):
        load_encoder(tmp_path, scenario)


def test_weights_of_another_encoder_are_refused(scenario, make_items, tmp_path: Path):
    save_encoder(new_encoder(scenario, make_items(vector=[[1.0]])), tmp_path)
    description = json.loads((tmp_path / "encoder.json").read_text())
    description["settings"]["vector_length"] = 0
    (tmp_path / "encoder.json").write_text(json.dumps(description))

    with pytest.raises(InputError, match="weight missing_vector is in only one of them"):
        load_encoder(tmp_path, scenario)
