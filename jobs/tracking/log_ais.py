"""AUC Improvement Scores → MLflow: each below the run of its date and ranker."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from mlflow import MlflowClient
from mlflow.entities import Metric

from jobs.ais.ais_result import AisResult
from jobs.ais.terms import AisMode, HeadName
from jobs.alignment.training.curves import curve_points
from jobs.common.markdown import code, plain
from jobs.evaluation.figures import flat_values
from jobs.evaluation.result import Subject
from jobs.lake import Lake, Partition
from jobs.lake.manifest import digest_of
from jobs.reporting import wording
from jobs.reporting.ais_text import ais_line
from jobs.tracking import runs
from jobs.tracking.experiment_page import open_experiment
from jobs.tracking.log_results import LoggedRun, open_parent
from jobs.tracking.run_content import source_tags
from jobs.tracking.runs import KIND, NOTE, PARENT, Content, Kind, run_key
from jobs.tracking.store import run_url, store_lock, tracking_store

_LAYOUT = 1
"""Raised when the content of these runs changes, so that older ones are completed."""
_HOW_TO_READ = """\
### How to read this

- **AIS** is the AUC that the ranker gains from the aligned vectors, **LIS** what it would gain \
from the leaked data itself, on the same held-out rows and by the same head: the bound.
- **Content alone** is the gain of the same content before alignment, **alignment adds** what \
alignment brings beyond it. **Shuffled content** should gain nothing.
- **Recall** is how often an item's vector finds its target among all validation items: the mean \
of the recall at 1, 10 and 100. **Explained** is the share of the targets' variance that vectors \
tell.
- Intervals are clustered by user."""


def log_ais(lake: Lake, about: Subject, results: Sequence[AisResult]) -> list[LoggedRun]:
    """Log results to the experiment ``lis/<name>``; logging them again changes nothing.

    Each is a child of the run of its date and ranker, beside the Leakage Impact Scores that
    justified the alignment. Its metrics ``recall_…`` are curves over the epochs of training.

    Raises:
        InputError: If the tracking store cannot be used.
        ServiceUnavailable: If it does not answer.
    """
    with tracking_store() as client:
        experiment_id = open_experiment(client, about)
        return [_log(client, experiment_id, lake, result) for result in results]


def _log(client: MlflowClient, experiment_id: str, lake: Lake, result: AisResult) -> LoggedRun:
    content = _content(lake, result)
    with store_lock():
        parent = open_parent(client, experiment_id, result)
        key = run_key(
            Kind.AIS,
            parent.data.tags[runs.KEY],
            result.preference,
            result.mode,
            f"n={result.horizon}",
            result.encoder,
            result.aligned_at,
            result.leak_digest,
            # Runs of before there were heads are of raw vectors.
            *(() if result.head == HeadName.RAW else (result.head,)),
        )
        tags = {PARENT: parent.info.run_id, KIND: Kind.AIS}
        run = runs.open_run(client, experiment_id, key, content.name, tags)
        written = runs.write(client, run.info.run_id, content)
        # Without any Leakage Impact Score nothing else would finish it.
        runs.finish(client, parent)
    return LoggedRun(run.info.run_id, parent.info.run_id, content.name, run_url(run), written)


def _content(lake: Lake, result: AisResult) -> Content:
    document = result.to_dict()
    text = json.dumps(document, indent=1, sort_keys=True)
    points = _points(lake, result)
    leak = () if result.mode == AisMode.LINEAGE else (f"n={result.horizon}",)
    values = {
        "ais": result.ais,
        **flat_values(result.figures, AisResult.declared_figures()),
        "recall": result.recall,
        "explained": result.explained,
        "seconds": result.seconds,
    }
    return Content(
        digest=digest_of(_LAYOUT, document, [(point.key, point.step) for point in points]),
        name=" · ".join(["AIS", result.preference, *leak, result.way, result.as_of]),
        params={
            "scenario": result.scenario,
            "as_of": result.as_of,
            "horizon": str(result.horizon),
            "preference": result.preference,
            "mode": result.mode,
            "head": result.head,
            "encoder": result.encoder,
            "aligned_at": result.aligned_at,
            "ranker_version": result.ranker_version,
            "data_digest": result.data_digest,
            "leak_digest": result.leak_digest,
        },
        metrics={
            name: math.nan if value is None else float(value) for name, value in values.items()
        },
        points=points,
        tags={
            "lis.diagnosis": result.diagnosis,
            "lis.diagnosis_reason": result.diagnosis_reason,
            "lis.verdict": result.verdict,
            NOTE: _note(result),
            **source_tags(result),
        },
        files={"result.json": text.encode()},
    )


def _points(lake: Lake, result: AisResult) -> list[Metric]:
    """Recall of validation items by epoch, of the encoder that the result is about."""
    keys = (
        ("ranker", result.ranker_version),
        ("preference", result.preference),
        ("encoder", result.encoder),
    )
    day = result.aligned_day
    manifest = lake.manifest(Partition("encoders", result.scenario, day, keys))
    if manifest is None:
        return []
    return [Metric(name, value, 0, step) for name, step, value in curve_points(manifest.facts)]


def _note(result: AisResult) -> str:
    rows = [
        ("AIS", wording.signed(result.ais), wording.interval(result.ais_estimate)),
        ("LIS", wording.signed(result.lis), wording.interval(result.estimate)),
        *(
            (
                figure.label,
                wording.value_text(figure, value),
                wording.interval(value) if figure.format != "percentage" else wording.MISSING,
            )
            for figure in AisResult.declared_figures()
            if figure.name
            in ("alignment_gain", "unaligned_content", "ais_placebo", "ais_per_recall")
            and not isinstance(value := result.value(figure), float | int | None)
        ),
        ("Realised", wording.share_interval(result.realised_estimate), wording.MISSING),
        ("Recall", wording.number(result.recall, 3), wording.MISSING),
        ("Explained", wording.share(result.explained), wording.MISSING),
    ]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return (
        f"**{plain(ais_line(result))}**\n\n"
        f"| figure | value | interval |\n| --- | --- | --- |\n{table}\n\n"
        f"Encoder {code(result.encoder)}, which has seen nothing of {result.aligned_at} or "
        f"later.\n\n"
        f"{_HOW_TO_READ}"
    )
