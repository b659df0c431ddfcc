"""The command line: what a person types and what the DAG's tasks run."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from datetime import date
from typing import NoReturn

from jobs import steps
from jobs.arguments import day, day_or_none, names, numbers, positive
from jobs.errors import AuditError, FencedOut, InputError
from jobs.lake import Lake
from jobs.lis.request import Wanted, parse_days, wanted_scores
from jobs.scenarios import Scenario, load_scenario, shipped_scenarios

BAD_INPUT = 2
STEPS = (
    "simulate",
    "ingest",
    "history",
    "train",
    "snapshot",
    "assemble",
    "score",
    "log",
    "report",
)
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 2 bad input, 1 anything else."""
    _follow_parent()
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr
    )
    logging.getLogger("py4j").setLevel(logging.WARNING)
    command: Callable[[argparse.Namespace], None] = options.run
    try:
        command(options)
    except InputError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return BAD_INPUT
    except (AuditError, FencedOut) as error:
        print(f"stopped, nothing published: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    return 0


def _follow_parent() -> None:
    """Under Airflow, a task's processes must not outlive it: a retry would run beside them."""
    if os.environ.get("LIS_DIE_WITH_PARENT") == "1":
        from jobs.process import die_with_parent

        die_with_parent()


def _simulate(options: argparse.Namespace) -> None:
    steps.simulate(
        _scenario(options),
        options.out,
        options.start,
        options.days,
        options.rows_per_day,
        options.seed,
    )


def _ingest(options: argparse.Namespace) -> None:
    lake, scenario = Lake.from_environment(), _scenario(options)
    steps.ingest(lake, scenario, options.raw, options.start, options.end)
    steps.history(lake, scenario, None)


def _train(options: argparse.Namespace) -> None:
    lake, scenario = Lake.from_environment(), _scenario(options)
    steps.train(lake, scenario, options.until, restart=options.restart, since=options.since)
    steps.snapshot(lake, scenario, options.until)


def _lis(options: argparse.Namespace) -> None:
    from jobs.lis.table import result_table

    lake, scenario = Lake.from_environment(), _scenario(options)
    days, horizons, wanted = _asked(options, scenario)
    steps.assemble(lake, scenario, days, horizons, wanted)
    results = steps.score(lake, scenario, days, horizons, wanted)
    # With what was scored before: kinds are compared on one page.
    page = steps.report(lake, scenario, steps.asked_results(lake, scenario, days))
    runs = steps.log_runs(lake, scenario, results, page)
    if options.json:
        print(json.dumps([result.to_dict() for result in results], indent=1))
    else:
        print(result_table([r for r in results if r.is_pooled] or results))
    print(f"report: {page}\nMLflow: {runs[0].url}", file=sys.stderr)


def _preference_list(options: argparse.Namespace) -> None:
    from jobs.preference import is_own, preference_kinds

    scenario = None if options.scenario is None else load_scenario(options.scenario)
    kinds = preference_kinds(scenario)
    width = max(len(kind.name) for kind in kinds)
    for kind in kinds:
        own = "own: " if is_own(kind) else ""
        print(
            f"{kind.name:{width}}  keyed by {kind.keyed_by:10}  takes {kind.takes:6}  "
            f"modes {', '.join(kind.modes):13}  {own}{kind.summary}"
        )


def _report(options: argparse.Namespace) -> None:
    lake, scenario = Lake.from_environment(), _scenario(options)
    days = parse_days(options.as_of)
    print(steps.report(lake, scenario, steps.asked_results(lake, scenario, days)))


def _step(options: argparse.Namespace) -> None:
    lake, scenario = Lake.from_environment(), _scenario(options)
    name = options.step
    if name == "simulate":
        first, last = _need(options, "start"), _need(options, "end")
        steps.simulate(scenario, options.raw, first, (last - first).days + 1)
    elif name == "ingest":
        steps.ingest(lake, scenario, options.raw, options.start, options.end)
    elif name == "history":
        steps.history(lake, scenario, options.end)
    elif name == "train":
        steps.train(lake, scenario, options.until, since=options.since)
    elif name == "snapshot":
        steps.snapshot(lake, scenario, options.until)
    else:
        _scoring_step(lake, scenario, options)


def _scoring_step(lake: Lake, scenario: Scenario, options: argparse.Namespace) -> None:
    _need(options, "as_of")
    days, horizons, wanted = _asked(options, scenario)
    if options.step == "assemble":
        steps.assemble(lake, scenario, days, horizons, wanted)
    elif options.step == "score":
        steps.score(lake, scenario, days, horizons, wanted)
    else:
        page = steps.report(lake, scenario, steps.asked_results(lake, scenario, days))
        if options.step == "log":
            names = [asked.kind.name for asked in wanted]
            modes = [asked.mode for asked in wanted]
            results = steps.asked_results(lake, scenario, days, horizons, names, modes)
            runs = steps.log_runs(lake, scenario, results, page)
            print(f"mlflow_url={runs[-1].url}")
        else:
            print(page)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m jobs",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Tables go to $LIS_LAKE (default data/lake), runs to $MLFLOW_TRACKING_URI.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    simulate = _command(commands, "simulate", _simulate, "make days of the simulated feed")
    simulate.add_argument("--out", help="folder for the days (default: where the DAG reads them)")
    simulate.add_argument("--days", type=positive, required=True, help="how many days")
    simulate.add_argument("--start", type=day, help="first day (default: the scenario's)")
    simulate.add_argument("--rows-per-day", type=positive, help="impressions a day")
    simulate.add_argument("--seed", type=int, help="seed of the whole world")

    ingest = _command(commands, "ingest", _ingest, "raw log to impressions and click histories")
    _add_range(ingest)

    train = _command(commands, "train", _train, "extend the lineage, publish snapshots")
    train.add_argument("--until", type=day, help="last day to train on (default: last ingested)")
    train.add_argument(
        "--restart", action="store_true", help="train this ranker again from its first day"
    )
    train.add_argument(
        "--since", type=day, help="first day of a new ranker's lineage (default: first ingested)"
    )

    lis = _command(commands, "lis", _lis, "score preference data; log to MLflow; write a report")
    _add_scoring(lis, required=True)
    lis.add_argument("--json", action="store_true", help="print results as JSON, all fields")

    preference = commands.add_parser("preference", help="what can be leaked")
    kinds = preference.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = kinds.add_parser("list", help="all kinds of preference data")
    listing.add_argument("--scenario", help="shipped name or path: lists its own kinds as well")
    listing.set_defaults(run=_preference_list)

    report = _command(commands, "report", _report, "rebuild the HTML report from the lake alone")
    report.add_argument("--as-of", required=True, metavar="T[:T2]", help="day, or first:last")

    step = _command(commands, "step", _step, "one step of the DAG, by hand")
    step.add_argument("step", choices=STEPS, help="in the order in which the DAG takes them")
    _add_range(step)
    step.add_argument("--until", type=day, help="train, snapshot: last day of data")
    step.add_argument(
        "--since", type=day_or_none, help="train: first day of a new ranker's lineage"
    )
    _add_scoring(step, required=False)
    return parser


def _command(
    commands: argparse._SubParsersAction[_Parser],
    name: str,
    run: Callable[[argparse.Namespace], None],
    summary: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=summary, description=summary)
    parser.add_argument(
        "--scenario",
        required=True,
        help=f"shipped name ({', '.join(shipped_scenarios())}) or path to a YAML file",
    )
    parser.set_defaults(run=run)
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
        default=("swap",),
        help="swap (default): the future's table in today's ranker; retrain: rankers trained "
        "with and without the leak; swap,retrain: both, where a kind allows",
    )
    parser.add_argument(
        "--seeds", type=positive, help="retrain mode: trainings to average (default: scenario's)"
    )


def _scenario(options: argparse.Namespace) -> Scenario:
    scenario = load_scenario(options.scenario)
    seeds = getattr(options, "seeds", None)
    if seeds is None:
        return scenario
    return scenario.model_copy(
        update={"retrain": scenario.retrain.model_copy(update={"seeds": seeds})}
    )


def _asked(
    options: argparse.Namespace, scenario: Scenario
) -> tuple[list[date], tuple[int, ...], list[Wanted]]:
    return (
        parse_days(options.as_of),
        options.horizons or scenario.horizons,
        wanted_scores(scenario, options.preference or scenario.preferences, options.mode),
    )


def _need(options: argparse.Namespace, name: str) -> date:
    value = getattr(options, name)
    if value is None:
        raise InputError(f"step {options.step} needs --{name.replace('_', '-')}")
    found: date = value
    return found
