"""The declarations of the built-in kinds, on which rankers, reports and commands rely."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jobs.preference import built_in_kinds, has_lookback
from jobs.preference.kind import BuiltInKind, docs_of, phrase_of
from jobs.scenarios import Mode

ROOT = Path(__file__).parents[3]
KINDS = built_in_kinds()
of_every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


@pytest.mark.parametrize("attribute", ["name", "summary", "phrase", "docs"])
def test_declarations_differ(attribute: str) -> None:
    assert len({getattr(kind, attribute) for kind in KINDS}) == len(KINDS) == 8


@of_every_kind
def test_only_vectors_of_the_item_space_can_be_swapped(kind: BuiltInKind) -> None:
    assert Mode.RETRAIN in kind.modes
    in_item_space = kind.name in ("id_embedding", "semantic_ids")
    assert (Mode.SWAP in kind.modes) == in_item_space
    assert not in_item_space or (kind.keyed_by, kind.takes) == ("item", "vector")


@of_every_kind
def test_only_kinds_of_the_log_have_a_lookback_window(kind: BuiltInKind) -> None:
    elsewhere = kind.name in ("id_embedding", "semantic_ids", "content_vector")
    assert has_lookback(kind) != elsewhere


@of_every_kind
def test_texts_fit_where_they_are_shown(kind: BuiltInKind) -> None:
    assert "7 days" in kind.phrase.format(days="7 days")
    assert kind.docs.endswith(".")
    assert len(kind.docs) < 90
    assert "\n" not in kind.summary


def test_declarations_load_no_heavy_library() -> None:
    """Airflow imports them whenever it parses the DAGs."""
    heavy = ("numpy", "pyarrow", "pyspark", "scipy", "sklearn", "torch")
    code = (
        "import sys, jobs.preference; jobs.preference.kind_lines(); "
        f"print(sorted(sys.modules.keys() & {set(heavy)}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


class Custom:
    """A custom kind with the attributes that it must have."""

    name, summary = "custom", "clicks on the item up to n days later"


def test_a_kind_without_a_phrase_is_described_by_its_summary() -> None:
    kind = Custom()
    assert docs_of(kind) == kind.summary
    assert phrase_of(kind).format(days="1 day") == "clicks on the item up to 1 day later"
    kind.summary = "tags {a}."
    assert phrase_of(kind).format(days="1 day") == "tags {a}, as available 1 day later"
    kind.phrase = "the tags of {days}"
    assert phrase_of(kind) == "the tags of {days}"
