"""The commands and options of the command line, and how each is explained."""

from __future__ import annotations

import argparse
from typing import NoReturn

from jobs.cli.argument_types import day, day_or_none, names, numbers, positive
from jobs.scenarios import Mode, shipped_scenarios

BAD_INPUT = 2
STEPS = ("simulate", "ingest", "train", "assemble", "score", "report")
_DESCRIPTION = """\
The Leakage Impact Score: which preference data is worth aligning a multimodal model with.

A first score on the simulated feed:
  python -m jobs simulate --scenario simulated_feed --out feed --days 45
  python -m jobs ingest   --scenario simulated_feed --raw feed
  python -m jobs train    --scenario simulated_feed
  python -m jobs lis      --scenario simulated_feed --as-of 2026-01-30 --horizons 7,14
"""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; the usage is for those who ask with ``--help``."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"error: {message} (see {self.prog} --help)\n")


def build_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m jobs",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Tables go to $LIS_LAKE (default data/lake), runs to $MLFLOW_TRACKING_URI.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    simulate = _command(commands, "simulate", "make days of the simulated feed")
    simulate.add_argument("--out", help="folder for the days (default: where the DAG reads them)")
    simulate.add_argument("--days", type=positive, required=True, help="how many days")
    simulate.add_argument("--start", type=day, help="first day (default: the scenario's)")
    simulate.add_argument("--rows-per-day", type=positive, help="impressions a day")
    simulate.add_argument("--seed", type=int, help="seed of the whole world")

    ingest = _command(commands, "ingest", "raw log to impressions and click histories")
    _add_range(ingest)

    train = _command(commands, "train", "extend the lineage, publish snapshots")
    train.add_argument("--until", type=day, help="last day to train on (default: last ingested)")
    train.add_argument(
        "--restart", action="store_true", help="train this ranker again from its first day"
    )
    train.add_argument(
        "--since", type=day, help="first day of a new ranker's lineage (default: first ingested)"
    )

    lis = _command(commands, "lis", "score preference data; log to MLflow; write a report")
    _add_scoring(lis, required=True)
    lis.add_argument("--json", action="store_true", help="print results as JSON, all fields")

    preference = commands.add_parser("preference", help="what can be leaked")
    kinds = preference.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = kinds.add_parser("list", help="all kinds of preference data")
    listing.add_argument("--scenario", help="shipped name or path: lists its own kinds as well")

    slots = _command(commands, "slots", "how much the ranker relies on each embedding slot")
    slots.add_argument(
        "--as-of",
        type=day,
        required=True,
        metavar="T",
        help="day whose ranker is asked, with those of the six days before",
    )

    report = _command(commands, "report", "rebuild the HTML report from the lake alone")
    report.add_argument("--as-of", required=True, metavar="T[:T2]", help="day, or first:last")

    step = _command(commands, "step", "one step of the DAG, by hand")
    step.add_argument("step", choices=STEPS, help="in the order in which the DAG takes them")
    _add_range(step)
    step.add_argument("--until", type=day, help="train, assemble: last day of data")
    step.add_argument(
        "--since", type=day_or_none, help="train: first day of a new ranker's lineage"
    )
    step.add_argument(
        "--due",
        help="horizons and their dates, such as 7@2026-01-24,30@2026-01-01, instead of --as-of "
        "and --horizons",
    )
    _add_scoring(step, required=False)
    return parser


def _command(
    commands: argparse._SubParsersAction[_Parser],
    name: str,
    summary: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=summary, description=summary)
    parser.add_argument(
        "--scenario",
        required=True,
        help=f"shipped name ({', '.join(shipped_scenarios())}) or path to a YAML file",
    )
    return parser


def _add_range(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--raw", help="path or URI of the log (default: data/raw/SCENARIO)")
    parser.add_argument("--start", type=day, help="first day (default: the log's)")
    parser.add_argument("--end", type=day, help="last day (default: the log's)")


def _add_scoring(parser: argparse.ArgumentParser, *, required: bool) -> None:
    parser.add_argument(
        "--as-of", required=required, metavar="T[:T2]", help="evaluation day, or first:last to pool"
    )
    parser.add_argument("--horizons", type=numbers, help="days of leak, such as 7,30")
    parser.add_argument(
        "--preference", type=names, help="kinds, such as id_embedding (see: preference list)"
    )
    parser.add_argument(
        "--mode",
        type=names,
        default=(Mode.SWAP,),
        help="swap (default): the future's table in today's ranker; probe: small towers on the "
        "frozen ranker, with and without the leak; retrain: rankers trained so; several, such as "
        "swap,probe: each where a kind allows",
    )
    parser.add_argument(
        "--slot", help="what id_embedding leaks: item_id, user_id, a context field, or auto"
    )
    parser.add_argument(
        "--seeds", type=positive, help="retrain mode: trainings to average (default: scenario's)"
    )
