"""Custom networks: trained like the built-in one, or rejected by name."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from jobs.common.errors import InputError
from jobs.lake import Lake
from jobs.lake.addresses import checkpoint_days, ranker_version
from jobs.ranker.lineage import extend_lineage
from jobs.ranker.model.checkpoint import read_checkpoint
from jobs.ranker.model.custom_network import leakable_slots, new_network, seeded
from jobs.ranker.model.dcn import DeepCrossNetwork
from jobs.ranker.scoring.score_day import SlotTable, score_day
from jobs.scenarios import RankerOptions, Scenario, load_scenario

FIRST = date(2026, 1, 1)
LAST = date(2026, 1, 5)
Rows = list[dict[str, Any]]

# Dropout, running means and default weights: all that could differ when a day is resumed.
CUSTOM = """
import torch
from torch import nn

class Tower(nn.Module):
    def __init__(self, fields, item_field, options):
        super().__init__()
        width = (fields + 1) * options.embedding_dim
        self.norm = nn.BatchNorm1d(width)
        self.layers = nn.Sequential(nn.Linear(width, 8), nn.Dropout(0.3), nn.Linear(8, 1))

    def forward(self, fields, history, clicked):
        count = clicked.sum(dim=1, keepdim=True).clamp(min=1)
        pooled = (history * clicked[:, :, None]).sum(dim=1) / count
        rows = torch.cat([fields.flatten(1), pooled], dim=1)
        return self.layers(self.norm(rows)).squeeze(1)
"""

SMALL = """
from torch import nn

class Small(nn.Module):
    {slots}

    def __init__(self, fields, item_field, options):
        super().__init__()
        self.layer = nn.Linear(options.embedding_dim, 1)

    def forward(self, fields, history, clicked):
        {forward}
"""
SUM = "return fields.sum((1, 2))"
MASKED = "return (history * clicked.log()[:, :, None].softmax(1)).sum((1, 2)) + fields.sum((1, 2))"


@pytest.fixture
def custom_scenario(
    tmp_path: Path, with_options: Callable[..., Scenario]
) -> Callable[..., Scenario]:
    """Make a scenario whose network is a class of the given source."""

    def write(
        source: str = CUSTOM, name: str = "Tower", file: str = "custom_network.py"
    ) -> Scenario:
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        return with_options(network=f"{path}:{name}")

    return write


@pytest.fixture
def published(
    tmp_path: Path,
    scenario: Scenario,
    make_log: Callable[..., Rows],
    publish_log: Callable[..., None],
) -> Callable[[str], Lake]:
    def publish(name: str) -> Lake:
        lake = Lake(str(tmp_path / name))
        publish_log(lake, scenario, make_log(days=5))
        return lake

    return publish


def test_the_built_in_network_keeps_its_initial_weights() -> None:
    options = RankerOptions(embedding_dim=2, cross_layers=1, hidden_units=(3,), seed=7)
    found = new_network(3, 1, options, 5).deep.state_dict()
    direct = DeepCrossNetwork(3, 1, options, 5).state_dict()
    assert found.keys() == direct.keys()
    assert all(torch.equal(found[name], direct[name]) for name in found)


@pytest.mark.fault
def test_a_killed_lineage_resumes_to_the_same_bytes(
    published: Callable[[str], Lake],
    custom_scenario: Callable[..., Scenario],
    checkpoint_files: Callable[[Lake], dict[str, bytes]],
    train_until_killed: Callable[[Lake, Scenario, int], None],
) -> None:
    scenario = custom_scenario()
    uninterrupted, killed = published("uninterrupted"), published("killed")
    torch.manual_seed(1)
    extend_lineage(uninterrupted, scenario, LAST, progress=False)
    train_until_killed(killed, scenario, 17)
    assert 1 < len(checkpoint_days(killed, scenario)) < 6
    torch.manual_seed(2)
    extend_lineage(killed, scenario, LAST, progress=False)
    assert checkpoint_files(killed) == checkpoint_files(uninterrupted)


def test_a_custom_network_learns_and_scores(
    published: Callable[[str], Lake], custom_scenario: Callable[..., Scenario]
) -> None:
    scenario, lake = custom_scenario(), published("lake")
    extend_lineage(lake, scenario, LAST, progress=False)
    first, last = (read_checkpoint(lake, scenario, day) for day in (FIRST, LAST))
    for name, weights in first.network.state_dict().items():
        assert not torch.equal(weights, last.network.state_dict()[name]), name
    items = last.vocabularies["item_id"].ids
    vectors = np.ones((len(items), scenario.ranker.embedding_dim), np.float32)
    scores = score_day(lake, scenario, LAST, {"ones": SlotTable(items, vectors)}).scores
    assert np.isfinite(scores["baseline"]).all()
    assert not np.allclose(scores["baseline"], scores["ones"])


def test_checkpoints_of_the_built_in_network_stay_as_they_are(
    published: Callable[[str], Lake],
    custom_scenario: Callable[..., Scenario],
    scenario: Scenario,
    checkpoint_files: Callable[[Lake], dict[str, bytes]],
) -> None:
    lake = published("lake")
    extend_lineage(lake, scenario, LAST, progress=False)
    before = checkpoint_files(lake)
    extend_lineage(lake, custom_scenario(), LAST, progress=False)
    after = checkpoint_files(lake)
    assert {path: after[path] for path in before} == before
    assert len(after) > len(before)


def test_the_ranker_version_follows_the_source_not_its_path(
    custom_scenario: Callable[..., Scenario], scenario: Scenario
) -> None:
    version = ranker_version(custom_scenario())
    assert version.startswith("tower-")
    assert ranker_version(custom_scenario(file="elsewhere/other.py")) == version
    changed = ranker_version(custom_scenario(CUSTOM + "\n# another revision\n"))
    renamed = ranker_version(custom_scenario(CUSTOM.replace("Tower", "Spire"), "Spire"))
    assert len({version, changed, renamed, ranker_version(scenario)}) == 4


def test_a_changed_file_is_loaded_again(custom_scenario: Callable[..., Scenario]) -> None:
    before = list(new_network(3, 1, custom_scenario().ranker).state_dict())
    after = list(
        new_network(3, 1, custom_scenario(CUSTOM.replace("layers", "tower")).ranker).state_dict()
    )
    assert after == [name.replace("layers", "tower") for name in before] != before


@pytest.mark.parametrize("inside", [True, False])
def test_a_path_is_relative_to_the_scenarios_file_or_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: bool
) -> None:
    (tmp_path / "configs").mkdir()
    folder = tmp_path / "configs" if inside else tmp_path
    (folder / "custom_network.py").write_text(CUSTOM)
    yaml = "source: {reader: simulated}\nranker: {network: 'custom_network.py:Tower'}\n"
    (tmp_path / "configs" / "feed.yaml").write_text(yaml)
    monkeypatch.chdir(tmp_path)
    options = load_scenario("configs/feed.yaml").ranker
    assert options.network == f"{folder / 'custom_network.py'}:Tower"
    assert type(new_network(4, 1, options).deep).__name__ == "Tower"


def test_a_network_may_come_from_an_installed_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_options: Callable[..., Scenario]
) -> None:
    (tmp_path / "custom_towers.py").write_text(CUSTOM)
    monkeypatch.syspath_prepend(tmp_path)
    scenario = with_options(network="custom_towers:Tower")
    assert type(new_network(3, 1, scenario.ranker).deep).__name__ == "Tower"
    assert ranker_version(scenario).startswith("tower-")


@pytest.mark.parametrize(
    ("source", "name", "line"),
    [
        (CUSTOM, "Towre", "custom_network.py has no class Towre"),
        ("Tower = 3", "Tower", "has no class Tower"),
        ("def broken(:", "Tower", "custom_network.py cannot be imported: SyntaxError"),
        ("import no_such_library", "Tower", "cannot be imported: ModuleNotFoundError"),
        ("class Tower: pass", "Tower", "Tower is not a torch.nn.Module"),
        (CUSTOM.replace("forward", "score"), "Tower", r"Tower has no method forward\(fields"),
        (CUSTOM.replace(", options", ""), "Tower", "Tower cannot be constructed: TypeError"),
        (CUSTOM.replace(", clicked", ""), "Tower", "Tower forward fails: TypeError"),
        (CUSTOM.replace(".squeeze(1)", ""), "Tower", r"forward returns \(3, 1\) for 3 rows"),
        (SMALL.format(slots="", forward="return 0.5"), "Small", "forward returns float for 3 rows"),
        (
            SMALL.format(slots="", forward=MASKED),
            "Small",
            "not finite",
        ),
        (
            SMALL.format(slots="", forward="return fields.detach().sum((1, 2))"),
            "Small",
            "passes no gradient",
        ),
        (
            SMALL.format(slots="", forward=SUM).replace("self.layer = ", "layer = "),
            "Small",
            "has parameters of type none",
        ),
        (
            SMALL.format(slots="", forward=SUM).replace(", 1)", ", 1).double()"),
            "Small",
            "has parameters of type torch.float64",
        ),
    ],
)
def test_an_invalid_network_is_rejected_by_name(
    custom_scenario: Callable[..., Scenario], source: str, name: str, line: str
) -> None:
    scenario = custom_scenario(source, name)
    with pytest.raises(InputError, match=line) as rejected:
        new_network(3, 1, scenario.ranker)
    assert "custom_network.py" in str(rejected.value)
    assert "\n" not in str(rejected.value)


@pytest.mark.parametrize(
    ("slots", "expected"),
    [("", ("user_id", "item_id", "place")), ("embedding_slots = ('user_id',)", ("user_id",))],
)
def test_a_network_may_name_the_slots_to_leak(
    custom_scenario: Callable[..., Scenario], slots: str, expected: tuple[str, ...]
) -> None:
    scenario = custom_scenario(SMALL.format(slots=slots, forward=SUM), "Small")
    assert leakable_slots(scenario) == expected


@pytest.mark.parametrize("slots", ["()", "('pallet',)", "['user_id']", "'user_id'"])
def test_slots_that_the_ranker_does_not_have_are_rejected(
    custom_scenario: Callable[..., Scenario], slots: str
) -> None:
    scenario = custom_scenario(
        SMALL.format(slots=f"embedding_slots = {slots}", forward=SUM), "Small"
    )
    with pytest.raises(InputError, match="must be a tuple of names from user_id, item_id, place"):
        leakable_slots(scenario)


@pytest.mark.parametrize(
    ("reference", "line"),
    [
        ("gone/network.py:Tower", "there is no file gone/network.py"),
        ("no_such_package.network:Tower", "there is no module no_such_package.network"),
    ],
)
def test_a_missing_file_is_rejected_before_training(
    published: Callable[[str], Lake],
    with_options: Callable[..., Scenario],
    reference: str,
    line: str,
) -> None:
    lake, scenario = published("lake"), with_options(network=reference)
    with pytest.raises(InputError, match=line):
        extend_lineage(lake, scenario, LAST, progress=False)
    assert lake.days_with_any("checkpoints", scenario.name) == []


@pytest.mark.parametrize("reference", ["network.py", "network.py:", "network.py:a b", ":Tower"])
def test_a_reference_without_a_class_is_rejected(tmp_path: Path, reference: str) -> None:
    path = tmp_path / "feed.yaml"
    path.write_text(f"source: {{reader: simulated}}\nranker: {{network: '{reference}'}}\n")
    with pytest.raises(InputError, match=r"ranker\.network"):
        load_scenario(str(path))


def test_seeding_restores_the_random_state_of_the_caller() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    with seeded(5, 6):
        inside = torch.rand(4)
    assert torch.equal(torch.rand(4), expected)
    with seeded(5, 6):
        assert torch.equal(torch.rand(4), inside)
    with seeded(5, 7):
        assert not torch.equal(torch.rand(4), inside)
