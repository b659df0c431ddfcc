"""docker-compose.yaml keeps to the Compose Specification, and to this project's policy."""

import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

import jobs

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
    assert re.match(r"\d+\.\d+", tag), f"{tag!r} can change under us"


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
        if SECRET.search(key):
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
    explained = set(re.findall(r"^(\w+)=", ENV_EXAMPLE, re.MULTILINE))
    assert named == explained


def test_the_example_gives_no_secret_away() -> None:
    values = dict(re.findall(r"^(\w+)=(.*)$", ENV_EXAMPLE, re.MULTILINE))
    assert {key: value for key, value in values.items() if SECRET.search(key) and value} == {}


def test_every_named_volume_is_declared() -> None:
    used = {
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if re.match(r"[a-z]", volume)
    }
    assert used == set(COMPOSE["volumes"])
