"""What a stage prints for its operator is what the operator reads."""

from jobs.common.outcome import announced_url, mlflow_line

URL = "http://127.0.0.1:5000/#/experiments/1/runs/abc?x=1"


def test_the_last_announced_run_counts() -> None:
    lines = ["mlflow_urls=none", mlflow_line("http://first"), "done", mlflow_line(URL), "bye"]
    assert announced_url(lines) == URL


def test_without_an_announcement_there_is_no_address() -> None:
    assert announced_url(["done"]) == ""
    assert announced_url([]) == ""
