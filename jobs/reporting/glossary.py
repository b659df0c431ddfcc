"""What the words of the report mean, so that each table can say it where they stand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from jobs.ais.diagnosis import GOOD_RECALL, MOST_EXPLAINED, MOST_OF_IT, Diagnosis
from jobs.evaluation.figures import alignment_figures
from jobs.evaluation.result import LisResult
from jobs.evaluation.verdict.decision import BY_INTERVAL, BY_WORTH, FEWEST_USERS, Verdict

LIS = (
    "Leakage Impact Score: the AUC that today's ranker gains when preference data is leaked to "
    "it from the future. It is an upper bound of what a model aligned on the data could bring."
)
VERDICTS = {
    Verdict.WORTH_ALIGNING: "the whole interval lies above the threshold.",
    Verdict.ALREADY_CAPTURED: "the whole interval lies below the threshold.",
    Verdict.INCONCLUSIVE: "the interval crosses the threshold.",
    Verdict.TOO_LITTLE_DATA: f"fewer than {FEWEST_USERS} users on a side, rows that count as fewer "
    f"than {FEWEST_USERS} equal users, or leaked data for less than half of the held-out rows.",
    Verdict.FEATURE_NOT_USED: "the leaked scores order all rows as the baseline does; that is no "
    "evidence against the data.",
    Verdict.WEAK_RANKER: "the ranker is weaker than counting clicks, or the trained baseline "
    "weaker than the ranker, by more than noise.",
    Verdict.PLACEBO_NOT_ZERO: "a shuffled leak gains or loses too.",
}
"""Meaning of each verdict."""

DIAGNOSES = {
    Diagnosis.REALISED: f"the AIS lies above the threshold and is {MOST_OF_IT:.0%} of the LIS or "
    "more.",
    Diagnosis.BOUND_TOO_LOW: "the LIS lies below the threshold: choose other preference data.",
    Diagnosis.LOST_IN_ALIGNMENT: f"the LIS is high, the AIS is not, and the recall is below "
    f"{GOOD_RECALL} and what the vectors explain below {MOST_EXPLAINED:.0%}: the encoder did not "
    "learn the data.",
    Diagnosis.LOST_IN_USE: f"the LIS is high, the AIS is not, and the recall is {GOOD_RECALL} or "
    f"more, or the vectors explain {MOST_EXPLAINED:.0%} or more: the ranker makes little of them.",
    Diagnosis.INCONCLUSIVE: "an interval crosses the threshold.",
    Diagnosis.WITHHELD: "the bound has no verdict, or shuffled content gains or loses too.",
}
"""Meaning of each diagnosis."""

_INTERVAL = "interval"
_MEANINGS = {
    "Preference": "Kind of preference data, such as clicks or embeddings, that is leaked.",
    "Days of leak": "The horizon: how many days after T the leaked data has seen.",
    "Mode": "How the leaked data reaches the ranker, as described below.",
    "Verdict": "What the interval says of the threshold, or why no verdict is given.",
    "Seconds": "Time that the result took to compute.",
    "Time taken": "Time that the result took to compute.",
    "Seeds": "Rankers that were trained alike but for their seed.",
    _INTERVAL: "Where the true value lies, at this level of confidence. It is clustered by user: "
    "rows of one user are not independent.",
    "As of": "T, the day whose impressions are scored, or several such days.",
    "Slice": "Part of the held-out rows, by a property of item, user or context.",
    "p of difference": "Two-sided p-value of the part having the LIS of all held-out rows.",
    "Stands out": "Whether the part differs from all held-out rows after the correction for the "
    "number of parts (Holm).",
    "Held\u2011out LIS": LIS,
    "Slot": "A field of the ranker's input that has a table of embeddings.",
    "AUC lost": "AUC of the ranker minus its AUC with the ids of the slot permuted.",
    "Evaluated rows": "Days whose held-out rows both sides score.",
    "Baseline has seen": "Days from which the ranker without the leak has learned.",
    "Leaked data has seen": "Days from which the leaked data was made.",
    "Looks back": "First day that the preference data takes into account.",
    "Trained on": "Rows that the compared rankers or towers were fitted to.",
    "Held\u2011out labels seen": "Whether labels of held-out rows went into the leaked data, which "
    "raises the LIS.",
    "Leaked data digest": "Fingerprint of the leaked data: equal digests, equal data.",
    "Ranker version": "Name of the ranker's design; another design has another name.",
    "Data digest": "Fingerprint of the scored rows.",
    "Code version": "Commit of this project's code.",
    "Head": "How towers read a vector: as it is, by its similarity to clicked items, or as codes.",
    "Recall": "How often an item's vector finds its target among all validation items: the mean of "
    "the recall at 1, 10 and 100.",
    "Explained": "Share of the variance of validation items' targets that the vectors tell, where "
    "these stand in for the ranker's own embeddings.",
    "Diagnosis": "What became of the bound.",
}


@dataclass(frozen=True)
class Term:
    """A word of the report and its meaning."""

    name: str
    meaning: str


def meaning(heading: str) -> str:
    """Return what the heading of a column means; empty for a word that says it itself."""
    if heading.endswith(_INTERVAL):
        return _MEANINGS[_INTERVAL]
    return _FIGURES.get(heading) or _MEANINGS.get(heading, "")


def terms(headings: Iterable[str]) -> list[Term]:
    """Return the meanings of the headings that have one, in their order."""
    return [Term(name, meaning(name)) for name in headings if meaning(name)]


def verdict_terms(results: Iterable[LisResult]) -> list[Term]:
    """Return the meanings of the verdicts that results have."""
    found = {result.verdict for result in results}
    return [Term(one.capitalize(), VERDICTS[one]) for one in BY_WORTH if one in found]


def diagnosis_terms() -> list[Term]:
    """Return the meanings of all diagnoses."""
    return [Term(one.capitalize(), text) for one, text in DIAGNOSES.items()]


def all_verdicts(*, from_interval: bool) -> list[Term]:
    """Return the meanings of the verdicts that an interval gives, or of those that withhold one."""
    return [
        Term(one.capitalize(), text)
        for one, text in VERDICTS.items()
        if (one in BY_INTERVAL) == from_interval
    ]


_FIGURES = {figure.label: figure.description for figure in alignment_figures()}
