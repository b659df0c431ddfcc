from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from jobs.common.errors import InputError
from jobs.scenarios import CsvFormat, TableSource, load_scenario, shipped_scenarios

ITEMS = {"path": "items", "item_id": "i"}
COLUMNS = {"user_id": "u", "item_id": "i", "ts": "t", "label": "l"}


def config(**changes: Any) -> dict[str, Any]:
    return {"name": "tiny", "source": {"reader": "table", "columns": COLUMNS}, **changes}


def source(**changes: Any) -> dict[str, Any]:
    return config(source={"reader": "table", "columns": COLUMNS, **changes})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tiny.yaml"


def refusal(path: Path, content: object) -> str:
    """The one-line error of a config, without the file's name that it must begin with."""
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(InputError) as caught:
        load_scenario(str(path))
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize("name", shipped_scenarios())
def test_shipped_scenarios_load_under_their_names(name: str) -> None:
    assert load_scenario(name).name == name


def test_a_simulated_and_a_public_log_are_shipped() -> None:
    assert {"simulated_feed", "movietweetings", "kuairand"} <= set(shipped_scenarios())


def test_a_shipped_scenario_is_read_as_written() -> None:
    read = load_scenario("movietweetings").source
    assert isinstance(read, TableSource)
    assert read.format == CsvFormat(delimiter="::", header=False)
    assert (read.columns.user_id, read.label.at_least, read.ts_unit) == (0, 8, "s")


def test_the_name_defaults_to_that_of_the_file(path: Path) -> None:
    path.write_text(yaml.safe_dump({"source": {"reader": "simulated"}}))
    assert load_scenario(str(path)).name == "tiny"
    path.write_text(yaml.safe_dump({"name": "other", "source": {"reader": "simulated"}}))
    assert load_scenario(str(path)).name == "other"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (config(horizon=[7]), "unknown key 'horizon'; did you mean 'horizons'?"),
        (config(zzz=1), "unknown key 'zzz'"),
        (
            config(ranker={"embeding_dim": 8}),
            "unknown key 'ranker.embeding_dim'; did you mean 'embedding_dim'?",
        ),
        (
            source(format={"kind": "csv", "delimeter": "|"}),
            "unknown key 'source.format.delimeter'; did you mean 'delimiter'?",
        ),
        (
            source(columns={**COLUMNS, "itemid": "i"}),
            "unknown key 'source.columns.itemid'; did you mean 'item_id'?",
        ),
        (source(columns={"user_id": "u"}), "key 'source.columns.item_id' is missing"),
        ({"name": "tiny"}, "key 'source' is missing"),
        (source(items={"item_id": "i"}), "key 'source.items.path' is missing"),
    ],
)
def test_an_unknown_or_missing_key_is_named_with_its_path(
    path: Path, content: object, line: str
) -> None:
    assert refusal(path, content) == line


@pytest.mark.parametrize(
    ("content", "start"),
    [
        (config(folds={"lineage": 0.8, "fit": 0.1, "eval": 0.2}), "folds: lineage + fit + eval"),
        (config(folds={"lineage": 1.0}), "folds.lineage: "),
        (config(horizons=[7, 7]), "horizons: needs distinct numbers of days"),
        (config(horizons=[]), "horizons: needs distinct numbers of days"),
        (config(horizons=[-1]), "horizons: needs distinct numbers of days"),
        (config(preferences=[]), "preferences: "),
        (config(context=["place"]), "scenario: context field 'place' is not mapped"),
        (config(slot="place"), "scenario: slot 'place' is not an embedding slot"),
        (config(name="Content Feed"), "name: "),
        (config(threshold=0), "threshold: "),
        (
            config(ranker={"dense_features": ["vector"]}),
            "scenario: ranker.dense_features: items have no vectors, so there is no 'vector': map",
        ),
        (
            {"source": {"reader": "simulated"}, "ranker": {"dense_features": ["title"]}},
            "scenario: ranker.dense_features: items have no vectors named 'title': use one of "
            "vector (got",
        ),
        (
            {"source": {"reader": "simulated"}, "ranker": {"dense_features": ["vector"] * 2}},
            "scenario: ranker.dense_features: 'vector' is named twice",
        ),
        (
            {
                "source": {"reader": "simulated"},
                "ranker": {"dense_features": ["vector"]},
                "snapshots": {"path": "v/{ds}"},
            },
            "scenario: snapshots: no ranker is trained that reads ranker.dense_features",
        ),
        (
            source(items={**ITEMS, "vectors": {"title": {"column": "v"}}}),
            "source.items.vectors: 'title' cannot be the name of vectors: use lower-case",
        ),
        (
            source(items={**ITEMS, "vectors": {"Aligned": {"column": "v"}}}),
            "source.items.vectors: 'Aligned' cannot be the name of vectors",
        ),
        (config(ranker={"history_length": 30}), "scenario: ranker.history_length is more than"),
        (
            source(label={"at_least": 1, "equals": "x"}),
            "source.label: give either at_least or equals",
        ),
        (source(ts_unit="h"), "source.ts_unit: "),
        (source(ids="int32"), "source.ids: "),
        (source(format={"kind": "json"}), "source.format: "),
        (config(source={"reader": "kafka"}), "source: "),
        (config(source={"columns": COLUMNS}), "source: "),
        (config(schedule={"start": "yesterday"}), "schedule.start: "),
    ],
)
def test_an_invalid_value_is_named_with_its_key(path: Path, content: object, start: str) -> None:
    line = refusal(path, content)
    assert line.startswith(start)
    assert "(got " in line


@pytest.mark.parametrize("name", ["ds", "fold", "impression", "item_id", "Label", "refusal", "row"])
def test_a_context_field_cannot_have_the_name_of_another_column(path: Path, name: str) -> None:
    content = {**source(columns={**COLUMNS, "context": {name: "c"}}), "context": [name]}
    assert f"context field {name!r}: the name is reserved, use another" in refusal(path, content)


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["local hour"], "'local hour': use letters, digits and _"),
        (["a.b"], "'a.b': use letters, digits and _"),
        (["_day"], "'_day': use letters, digits and _"),
        (["city", "City"], "'city' and 'City': use names that differ more"),
    ],
)
def test_a_context_field_has_a_name_that_tables_can_have(
    path: Path, names: list[str], problem: str
) -> None:
    columns = {**COLUMNS, "context": dict.fromkeys(names, "c")}
    assert problem in refusal(path, {**source(columns=columns), "context": names})


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({"encoding": "utf-9"}, "is no encoding of text: use one such as utf-8"),
        ({"delimiter": "\n"}, "must not hold a line break or a quote"),
    ],
)
def test_a_dialect_that_no_file_has_is_refused(
    path: Path, form: dict[str, str], problem: str
) -> None:
    assert problem in refusal(path, source(format={"kind": "csv", **form}))


def test_the_error_of_fold_shares_gives_their_sum(path: Path) -> None:
    assert "must be 1, not 1.1" in refusal(
        path, config(folds={"lineage": 0.8, "fit": 0.1, "eval": 0.2})
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name: [tiny", "not valid YAML: "),
        ("\tname: tiny", "not valid YAML: "),
        ("", "expected keys such as 'name:' and 'source:', found none"),
        ("# nothing but a comment\n", "expected keys"),
        ("- a\n- list\n", "expected keys"),
        ("just text", "expected keys"),
    ],
)
def test_a_file_that_is_not_a_config_is_named(path: Path, text: str, line: str) -> None:
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_scenario(str(path))
    assert str(caught.value).startswith(f"{path}: {line}")
    assert "\n" not in str(caught.value)


def test_a_binary_file_is_named(path: Path) -> None:
    path.write_bytes(b"PAR1\xff\xfe\x00")
    with pytest.raises(InputError, match="not valid YAML"):
        load_scenario(str(path))


@pytest.mark.parametrize("name", ["simulated_fed", "simulated-feed", "Simulated_feed"])
def test_an_unknown_name_suggests_the_nearest(name: str) -> None:
    with pytest.raises(InputError, match="did you mean 'simulated_feed'") as caught:
        load_scenario(name)
    assert all(shipped in str(caught.value) for shipped in shipped_scenarios())


def test_an_unknown_name_lists_the_shipped_scenarios() -> None:
    with pytest.raises(InputError, match=r"unknown scenario 'xyzzy': use one of .*simulated_feed"):
        load_scenario("xyzzy")


def test_a_path_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"scenario file .*gone\.yaml does not exist"):
        load_scenario(str(tmp_path / "gone.yaml"))


def test_a_scenario_is_frozen() -> None:
    scenario = load_scenario("simulated_feed")
    with pytest.raises(ValidationError, match="frozen"):
        scenario.threshold = 0.5  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        scenario.ranker.seed = 1  # type: ignore[misc]


def test_former_keys_still_work(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kinds = ["clicks.py:Clicks"]
    path.write_text(
        yaml.safe_dump(config(retrain={"fit_days": 9, "seeds": 2}, own_preferences=kinds))
    )
    scenario = load_scenario(str(path))
    assert (scenario.fit.days, scenario.retrain.seeds) == (9, 2)
    assert list(scenario.custom_preferences) == kinds
    assert "retrain.fit_days is now fit.days" in caplog.text
    assert "own_preferences is now custom_preferences" in caplog.text


@pytest.mark.parametrize(
    ("content", "current"),
    [
        (config(retrain={"fit_days": 9}, fit={"days": 9}), "fit.days"),
        (config(own_preferences=[], custom_preferences=[]), "custom_preferences"),
    ],
)
def test_a_former_key_beside_the_current_one_is_refused(
    path: Path, content: object, current: str
) -> None:
    assert f"give {current} alone" in refusal(path, content)
