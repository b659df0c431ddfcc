"""The form of a manual run: what it offers, and what it takes."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobs.common.day_range import DayRange
from jobs.common.errors import InputError
from jobs.scenarios import Mode, load_scenario
from plugins.lis_plugin.run_form import RunForm, form
from tests.jobs.preference.dummy_kind import added_dummy_kind


def test_a_new_kind_is_offered(tmp_path: Path, tiny_feed: Path) -> None:
    scenario = load_scenario(str(tiny_feed))
    before = form(scenario)["preferences"].schema["examples"]
    with added_dummy_kind(tmp_path):
        after = form(scenario)["preferences"].schema["examples"]
    assert set(after) - set(before) == {"a_second_dummy", "dummy_kind"}


@pytest.mark.parametrize(
    "horizons", [[7, 30], ["7", "30"], ["7,30"], ["7, 30", ""], [" 7", "30,"], ["", "7", "", "30"]]
)
def test_horizons_are_one_a_line_or_with_commas(horizons: list[Any], tiny_feed: Path) -> None:
    field = form(load_scenario(str(tiny_feed)))["horizons"]
    assert RunForm.read({"horizons": field.resolve(horizons)}).horizons == (7, 30)


@pytest.mark.parametrize("empty", [None, "", [], [""], ["", " "]])
def test_an_empty_field_is_left_to_the_scenario(empty: Any) -> None:
    names = ("as_of", "since", "horizons", "preferences", "modes", "reingest")
    params = dict.fromkeys(names, empty)
    assert RunForm.read(params) == RunForm()


def test_every_field_may_be_cleared(tiny_feed: Path) -> None:
    """Airflow's page sends null for a field that is emptied."""
    cleared = {
        name: field.resolve(None) for name, field in form(load_scenario(str(tiny_feed))).items()
    }
    assert RunForm.read(cleared) == RunForm()


def test_every_field_is_read() -> None:
    params = {
        "as_of": " 2026-01-25:2026-01-31 ",
        "since": "2026-01-02",
        "preferences": ["next_click", "id_embedding"],
        "modes": ["retrain"],
        "reingest": "2026-01-05:2026-01-09",
    }
    assert RunForm.read(params) == RunForm(
        as_of=DayRange(date(2026, 1, 25), date(2026, 1, 31)),
        since=date(2026, 1, 2),
        preferences=("next_click", "id_embedding"),
        modes=(Mode.RETRAIN,),
        reingest=DayRange(date(2026, 1, 5), date(2026, 1, 9)),
    )


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("as_of", "yesterday", "as_of: 'yesterday' is not a date: write YYYY-MM-DD or"),
        ("as_of", "2026-02-30", "as_of: '2026-02-30' is not a date: write YYYY-MM-DD or"),
        ("as_of", ":2026-02-01", "as_of: ':2026-02-01' is not a date: write YYYY-MM-DD or"),
        ("as_of", "a:b:c", "as_of: 'a:b:c' has too many parts: write YYYY-MM-DD:YYYY-MM-DD"),
        ("as_of", "2026-01-02:2026-01-01", "as_of: the range 2026-01-02 to 2026-01-01 ends before"),
        ("horizons", ["7d"], "horizons: '7d': write distinct days of leak, such as 7,30"),
        ("horizons", [-3], "horizons: '-3': write distinct days of leak"),
        ("horizons", [7, "7"], "horizons: '7,7': write distinct days of leak"),
        ("horizons", [1.5], "horizons: '1.5': write distinct days of leak"),
        ("reingest", "2026-01-09:2026-01-05", "reingest: the range 2026-01-09 to 2026-01-05 ends"),
        ("modes", ["swop"], "modes: unknown mode 'swop': available: swap, probe, retrain"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(
    field: str, value: Any, words: str, tiny_feed: Path
) -> None:
    """The form lets it pass: Airflow would answer with a pattern or a schema."""
    passed = form(load_scenario(str(tiny_feed)))[field].resolve(value)
    with pytest.raises(InputError) as refused:
        RunForm.read({field: passed})
    assert str(refused.value).startswith(words)


def test_no_field_shows_a_pattern_and_horizons_are_plain_lines(tiny_feed: Path) -> None:
    """Airflow's page shows a list as lines of text if its items have no type, else as JSON."""
    fields = form(load_scenario(str(tiny_feed)))
    assert all(field.schema["description_md"] for field in fields.values())
    assert not any("pattern" in field.schema for field in fields.values())
    assert fields["horizons"].value == [2, 5]
    assert "items" not in fields["horizons"].schema
    assert "examples" not in fields["horizons"].schema


@pytest.mark.parametrize(
    ("source", "cron", "words"),
    [
        ("simulated", None, "the first 35 days of the feed, 2026-01-01 to 2026-02-04"),
        ("simulated", "0 2 * * *", "the data through yesterday"),
        ("table", None, "the data through the end of the log"),
    ],
)
def test_the_form_says_what_an_empty_date_means(
    source: str, cron: str | None, words: str, tmp_path: Path
) -> None:
    columns = {name: name for name in ("user_id", "item_id", "ts", "label")}
    content = {
        "source": {"reader": source, **({"columns": columns} if source == "table" else {})},
        "horizons": [2, 5],
        "schedule": {"cron": cron},
    }
    path = tmp_path / "feed.yaml"
    path.write_text(yaml.safe_dump(content))
    assert words in form(load_scenario(str(path)))["as_of"].schema["description_md"]
