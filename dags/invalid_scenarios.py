"""Has no DAG. Where scenarios cannot be used, Airflow shows its import error, which names them.

The files of the DAGs leave such scenarios out, so that all others keep their DAGs.
"""

from __future__ import annotations

from jobs.common.errors import InputError
from plugins.lis_plugin.scenario_files import read_scenarios

# Airflow passes over a file in which the words "dag" and "airflow" are not both found.
if errors := read_scenarios().errors:
    raise InputError("\n".join(errors))
