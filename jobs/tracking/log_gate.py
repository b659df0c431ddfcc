"""Decisions of the gate → MLflow: each below the run of the date and ranker that it rests on."""

from __future__ import annotations

from jobs.evaluation.result import LisResult, Subject
from jobs.gate.decide import GateDecision
from jobs.lake import Lake
from jobs.lake.manifest import digest_of
from jobs.tracking import runs
from jobs.tracking.log_results import LoggedRun, log_single_results
from jobs.tracking.run_content import source_tags
from jobs.tracking.run_notes import gate_note
from jobs.tracking.runs import KEY, KIND, NOTE, PARENT, Content, Kind, run_key
from jobs.tracking.store import run_url, store_lock, tracking_store

_LAYOUT = 1
"""Raised when the content of these runs changes, so that older ones are completed."""


def log_decision(lake: Lake, about: Subject, decision: GateDecision) -> LoggedRun | None:
    """Log a decision to the experiment of its scenario; logging it again changes nothing.

    It becomes a child of the run of the date and ranker whose result it rests on, beside the run of
    that result, which is logged first if it is missing. A refusal and the decision that forces it
    later are two runs.

    Returns:
        The run; None if the decision rests on no result, so that there is no run to log it under.

    Raises:
        InputError: If the tracking store cannot be used.
        ServiceUnavailable: If it does not answer.
        AuditError: If the predictions of two variants are not on the same rows.
    """
    ground = decision.ground
    if ground is None:
        return None
    (score,) = log_single_results(lake, about, [ground])
    content = _content(decision, ground, score)
    with tracking_store() as client, store_lock():
        score_run = client.get_run(score.run_id)
        parent_id = score_run.data.tags[PARENT]
        key = run_key(Kind.GATE, client.get_run(parent_id).data.tags[KEY], content.digest)
        run = runs.open_run(
            client,
            score_run.info.experiment_id,
            key,
            content.name,
            {PARENT: parent_id, KIND: Kind.GATE},
        )
        written = runs.write(client, run.info.run_id, content)
    return LoggedRun(run.info.run_id, parent_id, content.name, run_url(run), written)


def _content(decision: GateDecision, ground: LisResult, score: LoggedRun) -> Content:
    params = {
        "scenario": decision.scenario,
        "as_of": decision.as_of.isoformat(),
        "preference": decision.preference,
        "decision": decision.outcome.value,
        "ranker_version": decision.ranker_version,
        "lis_as_of": ground.as_of,
        "horizon": str(ground.horizon),
        "mode": ground.mode,
        "leak_digest": ground.leak_digest,
    }
    tags = {
        "lis.gate_reason": decision.reason,
        "lis.forced_because": decision.forced_because,
        "lis.verdict": ground.verdict,
        "lis.score_run": score.run_id,
        NOTE: gate_note(decision),
        **source_tags(ground),
    }
    interval = {name: getattr(ground, name) for name in ("lis", "lis_ci_low", "lis_ci_high")}
    return Content(
        digest=digest_of(_LAYOUT, params, tags, interval),
        name=f"gate {decision.outcome} · {decision.preference} · {decision.as_of}",
        params=params,
        tags=tags,
        metrics=interval,
    )
