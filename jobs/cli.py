"""The command line: what a person types and what the DAG's tasks run."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date

from jobs import steps
from jobs.errors import AuditError, FencedOut, InputError
from jobs.lake import Lake
from jobs.lis.asked import asked
from jobs.lis.request import Wanted, parse_days, wanted_scores
from jobs.lis.store import read_results
from jobs.parser import BAD_INPUT, build_parser
from jobs.preference.id_embedding import ID_EMBEDDING
from jobs.ranker.processes import leads, process_count
from jobs.scenarios import Scenario, load_scenario


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 2 bad input, 1 anything else."""
    _follow_parent()
    options = build_parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr
    )
    logging.getLogger("py4j").setLevel(logging.WARNING)
    try:
        _check_processes(options)
        _COMMANDS[options.command](options)
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


def _check_processes(options: argparse.Namespace) -> None:
    """Under torchrun every process runs the command: only training is made for that."""
    name = getattr(options, "step", options.command)
    if process_count() > 1 and name != "train":
        raise InputError(
            f"torchrun started {process_count()} processes of {name}, but only train is shared "
            "among several: run it without torchrun"
        )


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
    # Of several processes that torchrun has started, one makes the snapshots.
    if leads():
        steps.snapshot(lake, scenario, options.until)


def _lis(options: argparse.Namespace) -> None:
    from jobs.lis.table import result_table

    lake, scenario = Lake.from_environment(), _scenario(options)
    scenario, days, horizons, wanted = _asked(options, lake, scenario)
    steps.assemble(lake, scenario, days, horizons, wanted)
    results = steps.score(lake, scenario, days, horizons, wanted)
    # With what was scored before: kinds are compared on one page.
    page = steps.report(lake, scenario, days)
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
            f"modes {', '.join(kind.modes):20}  {own}{kind.summary}"
        )


def _slots(options: argparse.Namespace) -> None:
    from jobs.lis.importance import slot_importances
    from jobs.lis.importance_table import importance_table

    lake, scenario = Lake.from_environment(), _scenario(options)
    print(importance_table(slot_importances(lake, scenario, options.as_of)))


def _report(options: argparse.Namespace) -> None:
    lake, scenario = Lake.from_environment(), _scenario(options)
    days = parse_days(options.as_of)
    print(steps.report(lake, scenario, days))


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
    if options.step == "report":
        _report(options)
        return
    scenario, days, horizons, wanted = _asked(options, lake, scenario)
    if options.step == "assemble":
        steps.assemble(lake, scenario, days, horizons, wanted)
    elif options.step == "score":
        steps.score(lake, scenario, days, horizons, wanted)
    else:
        page = steps.report(lake, scenario, days)
        names = [one.kind.name for one in wanted]
        modes = [one.mode for one in wanted]
        stored = read_results(lake, scenario.name, days[0], days[-1])
        results = asked(stored, scenario, days, horizons, names, modes)
        runs = steps.log_runs(lake, scenario, results, page)
        print(f"mlflow_url={runs[-1].url}")


def _scenario(options: argparse.Namespace) -> Scenario:
    """The scenario with what the options change in it."""
    scenario = load_scenario(options.scenario)
    changes: dict[str, object] = {}
    if getattr(options, "seeds", None) is not None:
        changes["retrain"] = scenario.retrain.model_copy(update={"seeds": options.seeds})
    if getattr(options, "slot", None) is not None:
        changes["slot"] = options.slot
        try:
            scenario.check_slot(options.slot)
        except ValueError as error:
            raise InputError(f"--slot: {error}") from error
    return scenario.model_copy(update=changes)


def _asked(
    options: argparse.Namespace, lake: Lake, scenario: Scenario
) -> tuple[Scenario, list[date], tuple[int, ...], list[Wanted]]:
    days = parse_days(options.as_of)
    names = options.preference or scenario.preferences
    if ID_EMBEDDING in names:
        scenario = steps.with_slot(lake, scenario, days[0])
    horizons = options.horizons or scenario.horizons
    return scenario, days, horizons, wanted_scores(scenario, names, options.mode)


def _need(options: argparse.Namespace, name: str) -> date:
    value = getattr(options, name)
    if value is None:
        raise InputError(f"step {options.step} needs --{name.replace('_', '-')}")
    found: date = value
    return found


_COMMANDS: Mapping[str, Callable[[argparse.Namespace], None]] = {
    "simulate": _simulate,
    "ingest": _ingest,
    "train": _train,
    "lis": _lis,
    "preference": _preference_list,
    "slots": _slots,
    "report": _report,
    "step": _step,
}
