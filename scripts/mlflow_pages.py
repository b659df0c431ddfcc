"""Prints where MLflow shows runs: one line for each experiment of the project.

MLflow's own first page, and that of an experiment, are on generative AI and show no run.
"""

from __future__ import annotations

from jobs.tracking.experiment_page import EXPERIMENTS, runs_path
from jobs.tracking.store import page_url, prepare_store

_ALL = "#/experiments?workflowType=machine_learning"


def main() -> None:
    """Print the address of each experiment's runs, or of all experiments if there is none."""
    found = prepare_store().search_experiments(filter_string=f"name LIKE '{EXPERIMENTS}%'")
    if not found:
        print(f"{page_url(_ALL)}  (no runs yet)")
    for experiment in found:
        print(f"{page_url(runs_path(experiment.experiment_id))}  {experiment.name}")


if __name__ == "__main__":
    main()
