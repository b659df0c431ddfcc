"""docker-compose.yaml keeps to the Compose Specification, and to this project's policy."""

import ast
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

import jobs
from jobs.lake.read_check import ReadCheck
from tests.stack.compose_file import interpolate, read_services

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docker-compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
CHECKER = str(Path(sys.executable).with_name("check-jsonschema"))
DOCKERFILE = (ROOT / "Dockerfile").read_text()
DOCKERIGNORE = (ROOT / ".dockerignore").read_text().splitlines()
COPIED = [
    source
    for line in re.findall(r"^COPY (.+)", DOCKERFILE, re.MULTILINE)
    for source in line.split()[:-1]
]
ENV_EXAMPLE = (ROOT / ".env.example").read_text()
SECRET = re.compile(r"(PASSWORD|SECRET|TOKEN|FERNET|API_KEY|SECRET_KEY)$")
VARIABLE = re.compile(r"\$\{(\w+)(:\?[^}]+|:-[^}]*)?\}")
PROFILES = {profile for service in SERVICES.values() for profile in service.get("profiles", [])}
TASKS = ("airflow-scheduler", "airflow-scheduler-gpu")
LOCAL_ONLY = {
    # Ports of `make up`, and of links to a store without a server.
    "LIS_AIRFLOW_PORT",
    "LIS_MLFLOW_PORT",
    # Set by the operator for its own process.
    "LIS_DIE_WITH_PARENT",
}
"""Variables that the services need not get."""
STORE = {
    *("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"),
}
FILLED = {
    key: "x" for key, value in re.findall(r"^(\w+)=(.*)$", ENV_EXAMPLE, re.MULTILINE) if not value
}
"""What .env has if its first part is filled in, and nothing else."""
ONE_SHOT = {name for name, service in SERVICES.items() if service.get("restart") == "no"}


def against_the_specification(path: Path) -> subprocess.CompletedProcess[str]:
    """Check a file with the Compose Specification's own schema, which the checker carries."""
    return subprocess.run(
        [CHECKER, "--builtin-schema", "vendor.compose-spec", str(path)],
        capture_output=True,
        text=True,
    )


def test_it_keeps_to_the_compose_specification() -> None:
    done = against_the_specification(ROOT / "docker-compose.yaml")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "change", [{"heathcheck": {}}, {"ports": {"8080": 1}}, {"depends_on": {"postgres": 1}}]
)
def test_a_misspelt_key_or_value_is_seen(change: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "docker-compose.yaml"
    path.write_text(yaml.safe_dump({"services": {"db": {"image": "postgres:16.6", **change}}}))
    done = against_the_specification(path)
    assert done.returncode == 1, done.stdout


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name: str) -> None:
    tag = SERVICES[name]["image"].rpartition(":")[2]
    assert re.match(r"(RELEASE\.)?\d+[.-]\d+", tag), f"{tag!r} can change under us"


def test_the_base_of_the_project_image_is_pinned() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert bases
    assert all(re.search(r":\d+\.\d+\.\d+", base) for base in bases)


def test_the_project_image_has_the_version_of_the_project() -> None:
    images = {service["image"] for service in SERVICES.values() if "build" in service}
    assert images == {f"leakage-impact-score:{jobs.__version__}"}


@pytest.mark.parametrize("source", COPIED)
def test_what_the_image_copies_is_there_and_not_ignored(source: str) -> None:
    allowed = [line[1:] for line in DOCKERIGNORE if line.startswith("!")]
    files = list(ROOT.glob(source))
    assert files
    assert [file.name for file in files if not any(fnmatch(file.name, a) for a in allowed)] == []


@pytest.mark.parametrize("name", SERVICES)
def test_no_port_is_open_to_other_machines(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@pytest.mark.parametrize("name", SERVICES)
def test_secrets_come_from_the_environment_and_are_required(name: str) -> None:
    for key, value in SERVICES[name].get("environment", {}).items():
        # Without a value it is what the environment has.
        if value is None:
            continue
        if SECRET.search(key) and not key.startswith("MINIO_"):
            assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), f"{key} must be ${{NAME:?what to do}}"
        assert not re.search(r"://[^/$]+:[^$@]+@", value), f"{key} holds a literal password"


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ONE_SHOT))
def test_a_service_that_stays_says_whether_it_is_healthy(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_waited_for_can_be_waited_for(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        condition = how["condition"]
        if condition == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        else:
            assert condition == "service_completed_successfully"
            assert other in ONE_SHOT


def test_every_variable_is_explained_in_the_example() -> None:
    named = {match[1] for match in VARIABLE.finditer(TEXT)}
    passed_on = {
        key
        for service in SERVICES.values()
        for key, value in service.get("environment", {}).items()
        if value is None
    }
    explained = set(re.findall(r"^(?:# )?([A-Z_]+)=", ENV_EXAMPLE, re.MULTILINE))
    assert named | passed_on | {"COMPOSE_PROFILES"} == explained


def test_the_example_gives_no_secret_away() -> None:
    values = dict(re.findall(r"^(\w+)=(.*)$", ENV_EXAMPLE, re.MULTILINE))
    assert {key: value for key, value in values.items() if SECRET.search(key) and value} == {}


def test_every_named_volume_is_declared() -> None:
    used = {
        interpolate(volume, {}).split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if re.match(r"[a-z]", interpolate(volume, {}))
    }
    assert used == set(COMPOSE["volumes"])


def variables_read_by_the_code() -> set[str]:
    """Names of variables that are spelt as a string of their own in jobs/ and plugins/."""
    return {
        node.value
        for top in ("jobs", "plugins")
        for path in (ROOT / top).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"LIS_[A-Z_]+", node.value)
    }


@pytest.mark.parametrize("name", TASKS)
def test_tasks_get_every_variable_that_the_code_reads(name: str) -> None:
    read = variables_read_by_the_code()
    assert {"LIS_LAKE", "LIS_SPARK_MASTER", "LIS_NOTIFY", *LOCAL_ONLY} <= read | LOCAL_ONLY
    assert read - LOCAL_ONLY - set(SERVICES[name]["environment"]) == set()
    assert set(SERVICES[name]["environment"]) >= STORE


def test_what_the_example_leaves_out_has_a_default_that_the_code_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    services = read_services(FILLED, PROFILES)
    assert set(services) == set(SERVICES)
    tasks = services[TASKS[0]].environment
    assert not [key for key in tasks if key.startswith("AWS_")]
    assert not [key for key, value in tasks.items() if "$" in value]
    monkeypatch.setenv("LIS_READ_CHECK", tasks["LIS_READ_CHECK"])
    assert ReadCheck.from_environment() == ReadCheck.CONTENT


@pytest.mark.parametrize("missing", sorted(FILLED))
def test_a_secret_that_is_missing_is_named(missing: str) -> None:
    with pytest.raises(KeyError, match=missing):
        read_services({**FILLED, missing: ""}, PROFILES)


def test_airflow_and_mlflow_have_roles_databases_and_logins_of_their_own() -> None:
    services = read_services({key: key.lower() for key in FILLED}, {"cpu"})
    airflow = services["airflow-api-server"].environment
    mlflow = services["mlflow"].environment
    database = "postgresql+psycopg2://{0}:{0}_db_password@postgres:5432/{0}"
    assert airflow["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == database.format("airflow")
    assert mlflow["MLFLOW_BACKEND_STORE_URI"] == database.format("mlflow")
    assert airflow["AIRFLOW__CORE__AUTH_MANAGER"].endswith(".FabAuthManager")
    assert "--app-name basic-auth" in (ROOT / "scripts/mlflow_server.sh").read_text()
    assert mlflow["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    # No service but the one that needs it has a password of an admin.
    with_admin = {
        name for name, it in services.items() if "AIRFLOW_ADMIN_PASSWORD" in it.environment
    }
    assert with_admin == {"airflow-init"}


def test_tasks_run_in_one_place() -> None:
    """Two schedulers would share the work, and the GPU would see half of it."""
    for profiles in ({"cpu"}, {"gpu"}, {"cpu", "cluster", "s3"}):
        running = [name for name in read_services(FILLED, profiles) if "scheduler" in name]
        assert len(running) == 1
    assert {"cpu", "gpu", "cluster", "s3"} == PROFILES


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_a_limit_of_memory_and_a_restart_policy(name: str) -> None:
    limit = interpolate(str(SERVICES[name].get("mem_limit", "")), {})
    assert re.fullmatch(r"\d+g", limit) or name in ONE_SHOT
    assert SERVICES[name]["restart"] == ("no" if name in ONE_SHOT else "unless-stopped")


def test_the_image_has_the_version_and_a_user_who_can_write_its_volumes() -> None:
    assert f'version="{jobs.__version__}"' in DOCKERFILE
    assert re.search(r"^USER lis$", DOCKERFILE, re.MULTILINE)
    (owned,) = re.findall(r"chown lis (.+?)(?: \\|$)", DOCKERFILE, re.MULTILINE)
    mounted = {
        interpolate(volume, {}).split(":")[1]
        for service in SERVICES.values()
        if "build" in service
        for volume in service.get("volumes", [])
    }
    assert mounted == set(owned.split())


def test_the_image_installs_what_is_pinned_for_servers() -> None:
    files = re.findall(r"-r (\S+)", DOCKERFILE)
    assert files == ["requirements.txt", "requirements-s3.txt", "requirements-server.txt"]


@pytest.mark.parametrize("name", SERVICES)
def test_scripts_that_a_service_runs_are_there(name: str) -> None:
    for word in SERVICES[name].get("command", []):
        if word.startswith("scripts/"):
            assert (ROOT / word).stat().st_mode & 0o111, f"{word} is not executable"
