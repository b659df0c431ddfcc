"""The command line: what a person types and what the DAG's tasks run."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date

from jobs.cli.parser import BAD_INPUT, build_parser
from jobs.common.errors import AuditError, FencedOut, InputError
from jobs.lake import Lake
from jobs.preference.kinds.id_embedding import ID_EMBEDDING
from jobs.ranker.distributed.process_group import is_leader, process_count
from jobs.scenarios import Scenario, load_scenario
from jobs.stages import steps
from jobs.stages.request import AskedDays, Wanted, parse_days, parse_due, wanted_scores


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
        from jobs.common.parent_process import die_with_parent

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


def _train(options: argparse.Namespace) -> None:
    lake, scenario = Lake.from_environment(), _scenario(options)
    steps.train(lake, scenario, options.until, restart=options.restart, since=options.since)
    # Of several processes that torchrun has started, one makes the snapshots.
    if is_leader():
        steps.snapshot(lake, scenario, options.until)


def _lis(options: argparse.Namespace) -> None:
    from jobs.reporting.result_text import result_table

    lake, scenario = Lake.from_environment(), _scenario(options)
    [asked_days] = _asked_days(options, scenario)
    scenario, days, horizons, wanted = _settled(options, lake, scenario, asked_days)
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
    from jobs.lis.slot_importance.importance import slot_importances
    from jobs.reporting.importance_text import importance_table

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
        # A backfill makes the later days' histories again day by day, not all of them each time.
        end = options.end
        steps.ingest(lake, scenario, options.raw, options.start, end, histories_until=end)
    elif name == "train":
        steps.train(lake, scenario, options.until, since=options.since)
    elif name == "assemble":
        from jobs.spark.session import one_session

        asked = _asked_days(options, scenario)
        to_assemble = [_settled(options, lake, scenario, days) for days in asked]
        with one_session():
            steps.snapshot(lake, scenario, options.until)
            for asked_for in to_assemble:
                steps.assemble(lake, *asked_for)
    elif name == "score":
        for asked_days in _asked_days(options, scenario):
            results = steps.score(lake, *_settled(options, lake, scenario, asked_days))
            print(f"mlflow_url={steps.log_scores(lake, scenario, results)[-1].url}")
    else:
        for asked_days in _asked_days(options, scenario):
            asked_for = _settled(options, lake, scenario, asked_days)
            page = steps.report(lake, scenario, asked_days.days)
            steps.log_runs(lake, scenario, steps.stored_scores(lake, *asked_for), page)
            print(page)


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


def _asked_days(options: argparse.Namespace, scenario: Scenario) -> list[AskedDays]:
    """What is to be scored: each set of days with its horizons."""
    if getattr(options, "due", None) is not None:
        return parse_due(options.due)
    _need(options, "as_of")
    days = tuple(parse_days(options.as_of))
    return [AskedDays(days, options.horizons or scenario.horizons)]


def _settled(
    options: argparse.Namespace, lake: Lake, scenario: Scenario, asked_days: AskedDays
) -> tuple[Scenario, tuple[date, ...], tuple[int, ...], list[Wanted]]:
    """The same with the slot that is leaked and the kinds, as the steps take them."""
    names = options.preference or scenario.preferences
    if ID_EMBEDDING in names:
        scenario = steps.with_slot(lake, scenario, asked_days.days[0])
    wanted = wanted_scores(scenario, names, options.mode)
    return scenario, asked_days.days, asked_days.horizons, wanted


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
