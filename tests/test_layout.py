"""What may import what, and how long a file may be."""

import ast
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted(path for top in ("jobs", "plugins", "dags") for path in (ROOT / top).rglob("*.py"))

# From the top down: a room may import those in the rows below its own, and itself.
LAYERS = (
    {"__main__"},
    {"api", "cli"},
    {"stages"},
    {"tracking"},
    {"reporting"},
    {"board"},
    {"freshness", "retention"},
    {"ais"},
    {"lis", "alignment", "gate"},
    {"tuning"},
    {"evaluation"},
    {"preference"},
    {"snapshots"},
    {"ingest"},
    {"ranker"},
    {"sources", "spark"},
    {"stats", "lake"},
    {"scenarios"},
    {"common"},
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
RANKER_LAYERS = (
    {"lineage"},
    {"towers", "distributed"},
    {"training", "scoring"},
    {"rows"},
    {"model"},
)
LONGEST, LONGEST_TEST, MOST_FILES = 310, 400, 12


@cache
def imported(path: Path, *, with_types: bool = True) -> frozenset[str]:
    """Every name that a file imports, at its top or in a function, and for its types."""
    found = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for statement in node.body
        for child in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if node in for_types and not with_types:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            found |= {f"{module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def tops(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(path)}


def label(path: Path) -> str:
    return str(path.relative_to(ROOT))


def package_of(path: Path) -> str:
    return path.relative_to(ROOT / "jobs").parts[0].removesuffix(".py")


JOBS = [path for path in FILES if path.is_relative_to(ROOT / "jobs")]


def test_there_is_something_to_look_at() -> None:
    assert {package_of(path) for path in JOBS} >= set(LEVEL)


@pytest.mark.parametrize("path", JOBS, ids=label)
def test_imports_inside_jobs_run_one_way(path: Path) -> None:
    own = package_of(path)
    used = {name.split(".")[1] for name in imported(path) if name.startswith("jobs.")} - {own}
    if own != "__init__":
        assert used <= {name for name, level in LEVEL.items() if level > LEVEL[own]}


def level_of(layers: tuple[set[str], ...], room: str) -> int:
    return next(level for level, rooms in enumerate(layers) if room in rooms)


@pytest.mark.parametrize("path", sorted((ROOT / "jobs/ranker").rglob("*.py")), ids=label)
def test_imports_inside_the_ranker_run_one_way(path: Path) -> None:
    parts = path.relative_to(ROOT / "jobs/ranker").parts
    own = parts[0].removesuffix(".py")
    used = {name.split(".")[2] for name in imported(path) if name.startswith("jobs.ranker.")} - {
        own
    }
    if own != "__init__":
        assert all(level_of(RANKER_LAYERS, room) > level_of(RANKER_LAYERS, own) for room in used)


def test_no_modules_import_each_other() -> None:
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in JOBS
    }
    graph = {
        module: {
            name if name in modules else name.rpartition(".")[0]
            for name in imported(path, with_types=False)
            if name.startswith("jobs.")
        }
        - {module}
        for module, path in modules.items()
    }
    TopologicalSorter(graph).prepare()  # Raises CycleError, which names the modules.


@pytest.mark.parametrize(
    "folder", sorted({path.parent for path in JOBS}), ids=lambda path: label(path)
)
def test_no_folder_is_a_pile(folder: Path) -> None:
    files = [path.name for path in folder.glob("*.py") if path.name != "__init__.py"]
    assert len(files) <= MOST_FILES


@pytest.mark.parametrize("path", JOBS, ids=label)
def test_jobs_run_without_airflow(path: Path) -> None:
    assert not tops(path) & {"airflow", "plugins", "dags"}


@pytest.mark.parametrize("path", [path for path in FILES if path not in JOBS], ids=label)
def test_nothing_imports_the_dags(path: Path) -> None:
    assert "dags" not in tops(path)


@pytest.mark.parametrize("path", FILES, ids=label)
def test_nothing_is_pickled(path: Path) -> None:
    assert not tops(path) & {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
    assert "torch.load" not in path.read_text(encoding="utf-8")
    assert "allow_pickle=True" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=label)
def test_no_file_is_too_long_to_read(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("*.py")), ids=label)
def test_no_test_is_too_long_to_read(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_TEST


@pytest.mark.parametrize(
    "module",
    [
        "jobs.cli.main",
        "jobs.stages",
        "jobs.scenarios",
        "jobs.stages.run_plan",
        "jobs.preference",
    ],
)
def test_light_modules_load_no_heavy_library(module: str) -> None:
    heavy = ("torch", "pyspark", "mlflow", "airflow", "sklearn", "matplotlib")
    code = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


def test_functions_of_spark_come_from_modules_that_load_fast() -> None:
    """Each worker imports them: torch alone would take it 250 MB and several seconds."""
    modules = [label(path) for path in JOBS if "InArrow(" in path.read_text(encoding="utf-8")]
    names = ", ".join(name.removesuffix(".py").replace("/", ".") for name in modules)
    heavy = ("torch", "mlflow", "airflow", "sklearn", "scipy", "matplotlib")
    code = f"import sys, {names}; print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert len(modules) > 5
    assert run.stdout.strip() == "[]"
