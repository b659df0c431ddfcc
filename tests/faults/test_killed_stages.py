"""Every command that publishes is killed before, during and after a publication, and run again.

What must hold: a reader finds what was there before or what an undisturbed run publishes, never
less and never a mix; the rerun completes it to the bytes of an undisturbed run; MLflow has each run
once; no process and no attempt is left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.faults.home import Home, all_bytes, killed, require_old_or_new, runs, simulated_home
from tests.faults.killed_command import Point

pytestmark = pytest.mark.fault

Kill = tuple[Point, int]

ONE = ("--preference", "id_embedding")
ENCODER = (*ONE, "--as-of", "2026-01-07", "--aligned-at", "2026-01-05")
EACH_POINT = tuple((point, 1) for point in Point)
"""For a command that publishes once."""
LATER_TOO = (*EACH_POINT, *((point, 3) for point in Point))


@dataclass(frozen=True)
class Command:
    """A command and where it is killed, one time after the other."""

    arguments: tuple[str, ...]
    kills: tuple[Kill, ...]


COMMANDS = (
    Command(("ingest",), LATER_TOO),
    Command(("train",), LATER_TOO),
    Command(("lis", *ONE, "--as-of", "2026-01-06:2026-01-07", "--mode", "swap,probe"), LATER_TOO),
    Command(("gate", *ONE, "--as-of", "2026-01-07", "--force", "a test"), EACH_POINT),
    Command(("stage", "curate", *ENCODER), EACH_POINT),
    # Each run publishes what the one before could not: the encoder, its vectors, those before it.
    Command(("align", *ENCODER), 3 * EACH_POINT),
    Command(("ais", *ENCODER), LATER_TOO),
)


@pytest.fixture(scope="module")
def new_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Home]:
    def make(name: str) -> Home:
        return simulated_home(tmp_path_factory.mktemp(name))

    return make


@pytest.fixture(scope="module")
def undisturbed(new_home: Callable[[str], Home]) -> list[dict[str, object]]:
    """What is published after each command that nothing disturbs; the last are MLflow's runs."""
    home, published = new_home("undisturbed"), []
    for command in COMMANDS:
        home.lis(*command.arguments)
        published.append(all_bytes(home.lake))
    return [*published, runs(home)]


def test_a_command_killed_at_any_point_is_completed_to_the_same_bytes(
    new_home: Callable[[str], Home],
    undisturbed: list[dict[str, object]],
) -> None:
    home = new_home("killed")
    before: dict[str, object] = {}
    for command, after in zip(COMMANDS, undisturbed, strict=False):
        for kill in command.kills:
            killed(home, *kill, *command.arguments)
            about = f"{command.arguments} at {kill}"
            require_old_or_new(all_bytes(home.lake), before, after, about)
        home.lis(*command.arguments)
        assert all_bytes(home.lake) == after, command.arguments
        before = after
    assert runs(home) == undisturbed[-1]
