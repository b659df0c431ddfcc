"""Which Python and which addresses follow from a master, and one that does not answer."""

import socket
import sys

import pytest

from jobs.common.errors import ServiceUnavailable
from jobs.spark.master import driver_settings, is_local, python_of_executors, require_answer

LOCAL = ("local", "local[*]", "local[2]", "local[2, 3]", "local[*,4]")
CLUSTERS = ("spark://one:7077", "spark://one:7077,two:7077", "yarn", "k8s://https://one:6443")


@pytest.mark.parametrize("master", LOCAL)
def test_a_local_master_uses_this_interpreter_and_loopback(
    master: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYSPARK_PYTHON", "/of/another/spark")
    assert is_local(master)
    assert python_of_executors(master) == sys.executable
    assert set(driver_settings(master).values()) == {"127.0.0.1"}


@pytest.mark.parametrize("master", [*CLUSTERS, "local-cluster[1,1,512]"])
def test_a_cluster_uses_its_own_interpreter_and_reaches_the_driver(
    master: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYSPARK_PYTHON", raising=False)
    assert not is_local(master)
    assert python_of_executors(master) == sys.executable
    monkeypatch.setenv("PYSPARK_PYTHON", "/of/the/cluster")
    assert python_of_executors(master) == "/of/the/cluster"
    assert driver_settings(master) == {}


def test_one_master_of_several_is_enough() -> None:
    with socket.create_server(("127.0.0.1", 0)) as up, socket.create_server(("127.0.0.1", 0)) as d:
        up_port, down_port = up.getsockname()[1], d.getsockname()[1]
        d.close()
        require_answer(f"spark://127.0.0.1:{down_port},127.0.0.1:{up_port}")
        down = f"spark://127.0.0.1:{down_port}"
        with pytest.raises(ServiceUnavailable, match=f"^the Spark master {down} does not answer"):
            require_answer(down)


@pytest.mark.parametrize("master", [*LOCAL, "yarn", "k8s://https://one:6443"])
def test_other_masters_are_left_to_spark(master: str) -> None:
    require_answer(master)
