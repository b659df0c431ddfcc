"""The content of the MLflow runs: parameters, metrics, notes, plots and inputs."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence

from mlflow.entities import Dataset, DatasetInput, InputTag, SourceType
from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT, MLFLOW_SOURCE_NAME, MLFLOW_SOURCE_TYPE

from jobs.common.errors import AuditError
from jobs.evaluation.declared.decision import HEADLINE_NAME
from jobs.evaluation.figures import flat_values
from jobs.evaluation.predictions import variant_name
from jobs.evaluation.result import COMPARE, LisResult, Subject
from jobs.evaluation.scored_day import BASELINE, LEAKED
from jobs.evaluation.verdict.many_looks import corrected_for_looks
from jobs.lake import Lake, Partition
from jobs.lake.manifest import digest_of
from jobs.preference.leak import Leak
from jobs.reporting.plots import dose_figure, png, roc_figure
from jobs.scenarios import Fold
from jobs.stats.roc import RocCurve, roc_curve
from jobs.tracking.registered_ranker import ranker_files
from jobs.tracking.run_notes import parent_note, result_note
from jobs.tracking.runs import KIND, NOTE, PARENT, Content, Kind

_LAYOUT = 6
"""Raised when the content of runs changes, so that older runs are completed."""
_DIGEST_LENGTH = 36
_COMMIT = re.compile(r"(?:^|-g)([0-9a-f]{7,40})\+?$")
"""The commit in ``code_version``; a release has a tag in its place."""
ALONE = "lis.alone"
"""Tag with the digest of a result without the correction for the number of looks."""


def result_name(result: LisResult) -> str:
    """Return the name of the run of one result, which begins with what differs between them."""
    return f"{result.preference} · n={result.horizon} · {result.mode} · {result.as_of}"


def parent_name(results: Sequence[LisResult]) -> str:
    """Return the name of the run of a date and ranker."""
    modes = ", ".join(dict.fromkeys(result.mode for result in results))
    return f"{results[0].as_of} · {modes} · {results[0].ranker_version[:24]}"


def source_tags(result: LisResult) -> dict[str, str]:
    """Return which command of which commit a run came from, in the tags that MLflow's UI reads."""
    tags = {
        MLFLOW_SOURCE_NAME: "lis compare" if result.mode == COMPARE else "lis",
        MLFLOW_SOURCE_TYPE: SourceType.to_string(SourceType.LOCAL),
        "lis.code_version": result.code_version,
    }
    if commit := _COMMIT.search(result.code_version):
        tags[MLFLOW_GIT_COMMIT] = commit[1]
    return tags


def result_digest(about: Subject, parent_run_id: str, result: LisResult) -> str:
    """Return the digest of ``result_content`` without building it."""
    return digest_of(_LAYOUT, parent_run_id, about.confidence, result.to_dict())


def alone_digest(about: Subject, parent_run_id: str, result: LisResult) -> str:
    """Return the digest of a result as it is without others that are looked at."""
    (alone,) = corrected_for_looks([result], about.confidence)
    return result_digest(about, parent_run_id, alone)


def result_content(lake: Lake, about: Subject, parent_run_id: str, result: LisResult) -> Content:
    """Return the content of the run of one result: figures, note, ROC curves and inputs.

    Raises:
        AuditError: If the predictions of baseline and leaked ranker are not on the same rows.
    """
    text = json.dumps(result.to_dict(), indent=1, sort_keys=True)
    files = {"result.json": text.encode()}
    curves = _curves(lake, result)
    if curves is not None:
        files["roc.png"] = png(roc_figure(*curves, result))
    return Content(
        digest=result_digest(about, parent_run_id, result),
        name=result_name(result),
        params={
            "scenario": result.scenario,
            "as_of": result.as_of,
            "horizon": str(result.horizon),
            "preference": result.preference,
            "mode": result.mode,
            "seeds": str(result.seeds),
            "fit_days": str(result.fit_days),
            "lookback_days": str(result.lookback_days),
            "eval_rows_seen": result.eval_rows_seen,
            "threshold": f"{result.threshold:g}",
            "ranker_version": result.ranker_version,
            "data_digest": result.data_digest,
            "leak_digest": result.leak_digest,
        },
        metrics=_metrics(result),
        tags={
            PARENT: parent_run_id,
            KIND: Kind.SCORE,
            "lis.verdict": result.verdict,
            "lis.verdict_reason": result.verdict_reason,
            "lis.looks": str(result.looks),
            ALONE: alone_digest(about, parent_run_id, result),
            **source_tags(result),
            NOTE: result_note(about, result),
        },
        files=files,
        inputs=_inputs(lake, result),
    )


def parent_content(
    lake: Lake, about: Subject, results: Sequence[LisResult], report_html: str | None
) -> Content:
    """Return the content of a parent run: all verdicts, the plot over horizons, the report."""
    document = [result.to_dict() for result in results]
    ranker = ranker_files(lake, results[0])
    files = {
        **ranker,
        "results.json": json.dumps(document, indent=1, sort_keys=True).encode(),
        "lis_by_horizon.png": png(dose_figure(results)),
    }
    if report_html is not None:
        files["report.html"] = report_html.encode()
    scores = {
        _named(f"{result.preference}-{result.mode}-{result.horizon}"): result for result in results
    }
    metrics = {
        f"{column}/{score}": getattr(result, column)
        for column in (HEADLINE_NAME, "lis_seen", "placebo")
        for score, result in scores.items()
    }
    first = results[0]
    return Content(
        digest=digest_of(_LAYOUT, about.confidence, document, report_html, list(ranker)),
        name=parent_name(results),
        params={
            "scenario": first.scenario,
            "as_of": first.as_of,
            "ranker_version": first.ranker_version,
            "data_digest": first.data_digest,
        },
        metrics=metrics,
        tags={
            **source_tags(first),
            NOTE: parent_note(about, results),
            **{f"lis.verdict.{score}": result.verdict for score, result in scores.items()},
        },
        files=files,
        inputs=[_dataset("impressions", first.data_digest, first.as_of, "scored")],
    )


def _metrics(result: LisResult) -> dict[str, float]:
    # MLflow lists metrics in the order in which they were logged.
    values = {
        HEADLINE_NAME: result.lis,
        **flat_values(result.figures),
        "seconds": result.seconds,
    }
    return {name: math.nan if value is None else float(value) for name, value in values.items()}


def _curves(lake: Lake, result: LisResult) -> tuple[RocCurve, RocCurve] | None:
    """Return both ROC curves; None for pooled days, a single class, or without predictions."""
    if result.is_pooled or math.isnan(result.lis):
        return None
    baseline, leaked = _prediction_partitions(result)
    if not (lake.is_published(baseline) and lake.is_published(leaked)):
        return None
    columns = ["impression_id", "label", "fold", "score"]
    first, second = lake.read(baseline, columns), lake.read(leaked, columns)
    if not first.column("impression_id").equals(second.column("impression_id")):
        raise AuditError(f"{baseline} and {leaked} are not on the same rows; run lis lis again")
    kept = first.column("fold").to_numpy() == Fold.EVAL
    labels = first.column("label").to_numpy()[kept]
    before, after = (
        roc_curve(labels, table.column("score").to_numpy()[kept]) for table in (first, second)
    )
    return before, after


def _inputs(lake: Lake, result: LisResult) -> list[DatasetInput]:
    inputs = [
        _dataset("impressions", result.data_digest, result.as_of, "scored", result.rows),
        _dataset(f"leaked {result.preference}", result.leak_digest, result.as_of, "leaked"),
    ]
    if not result.is_pooled:
        for partition in _prediction_partitions(result):
            manifest = lake.manifest(partition)
            if manifest is not None:
                name = f"predictions {dict(partition.keys)['variant']}"
                inputs.append(
                    _dataset(name, manifest.digest, str(partition), "predictions", manifest.rows)
                )
    return inputs


def _dataset(
    name: str, digest: str, where: str, context: str, rows: int | None = None
) -> DatasetInput:
    dataset = Dataset(
        name=name,
        digest=digest[:_DIGEST_LENGTH],
        source_type="lake",
        source=json.dumps({"lake": where}),
        profile=None if rows is None else json.dumps({"num_rows": rows}),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", context)])


def _prediction_partitions(result: LisResult) -> tuple[Partition, Partition]:
    """Return the partitions of baseline and leaked ranker."""
    leak = Leak(result.preference, result.horizon)
    first, second = (
        Partition(
            "predictions",
            result.scenario,
            result.last_day,
            (("ranker", result.ranker_version), ("variant", name)),
        )
        for name in (variant_name(leak, result.mode, each) for each in (BASELINE, LEAKED))
    )
    return first, second


def _named(text: str) -> str:
    """Replace the characters that MLflow does not accept in a name."""
    return re.sub(r"[^\w.\- ]", "_", text, flags=re.ASCII)
