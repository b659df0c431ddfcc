"""What alignment brings, in the report and in the terminal."""

from __future__ import annotations

from dataclasses import replace

from jobs.ais.without_bound import NO_BOUND, without_bound
from jobs.alignment.curation.curation_facts import CurationFacts, EntryBalance, EntryKind
from jobs.freshness.stale_improvements import StaleImprovement
from jobs.reporting.ais_text import ais_line, ais_notes, ais_table
from jobs.reporting.html_report import build_report
from jobs.reporting.report_pictures import Curation
from tests.jobs.ais.sample_improvements import make_improvement
from tests.jobs.tracking.sample_results import SCENARIO, make_result

RESULT = make_improvement()
FACTS = CurationFacts(
    below_min_updates=5,
    without_content=1,
    unmatched=0,
    thinned=3,
    without_target=0,
    train=40,
    validation=10,
    is_balanced=True,
    entries=(EntryBalance(EntryKind.CATEGORY, "drama", 30, 27),),
)
CURATION = Curation(RESULT.preference, RESULT.aligned_at, FACTS)


BOUND = make_result(as_of=RESULT.as_of, preference=RESULT.preference, mode=RESULT.mode)
STALE = StaleImprovement(
    as_of=RESULT.as_of,
    preference=RESULT.preference,
    mode=RESULT.mode,
    horizon=RESULT.horizon,
    why="its encoder has changed",
    aligned_at=RESULT.aligned_at,
    head="codes",
)


def page(
    *aligned: object,
    curations: tuple[Curation, ...] = (CURATION,),
    stale: tuple[StaleImprovement, ...] = (),
) -> str:
    return build_report(
        SCENARIO,
        [BOUND],
        (),
        (),
        aligned,  # type: ignore[arg-type]
        curations,
        stale,
    )


def test_the_section_has_the_score_its_bound_and_what_the_encoder_was_aligned_on() -> None:
    text = page(RESULT)
    assert "What alignment brings" in text
    for part in (
        "+0.0110",
        "70 % (39 to 120 %)",
        "small-0123456789",
        "nothing of 2026-01-10 or later",
        RESULT.diagnosis_reason,
        "preference data: not in it",
        "trained on 40 items and validated on 10",
        "3 thinned out",
        "drama (category)",
    ):
        assert part in text


def test_results_of_several_heads_are_told_apart() -> None:
    tiers = make_improvement(head="similarity")
    assert "probe, similarity: encoder" in page(RESULT, tiers)
    assert "similarity" in ais_table([RESULT, tiers])
    assert "probe, similarity, n = " in ais_line(tiers)
    assert "probe, n = " in ais_line(RESULT)


def test_what_is_stale_is_marked_and_named_with_its_command() -> None:
    codes = make_improvement(head="codes")
    text = page(RESULT, codes, stale=(STALE,))
    mark = '<strong class="odd">stale</strong>'
    before, after = text.split(mark)
    assert after.startswith(": its encoder has changed")
    assert before.index("What alignment brings") < before.rindex(">codes<")
    command = (
        f"lis ais --scenario {SCENARIO.given_as} --as-of {RESULT.as_of} --aligned-at 2026-01-10 "
        f"--horizons {RESULT.horizon} --preference {RESULT.preference} --mode probe --head codes"
    )
    assert f"One result is stale: data has changed since, for one thing {STALE.why}" in text
    assert command in text
    lineage = replace(STALE, mode="lineage", horizon=0, head="raw")
    assert "--mode lineage. lis status" in page(RESULT, stale=(lineage,))


def test_a_lineage_has_its_gains_and_says_why_it_has_no_bound() -> None:
    measured = make_improvement(mode="lineage", horizon=0, diagnosis_reason=NO_BOUND)
    lineage = replace(measured, figures=without_bound(measured).figures)
    text = page(RESULT, lineage)
    assert text.count(NO_BOUND) == 1
    line = next(line for line in ais_table([RESULT, lineage]).splitlines() if "lineage" in line)
    assert line.split()[1:5] == [RESULT.preference, "lineage", "-", "-"]
    assert "+0.0110" in line
    assert "nan" not in line
    assert "n = 0" not in ais_line(lineage) + ais_notes([lineage])


def test_without_an_encoder_there_is_no_section() -> None:
    assert "What alignment brings" not in page()


def test_encoders_of_other_days_have_no_line_and_only_their_points_in_the_curve() -> None:
    earlier = replace(RESULT, as_of="2026-01-12", encoder="small-of-another-day")
    text = page(RESULT, earlier)
    assert "small-of-another-day" not in text
    assert "AIS by day" in text or "days since the alignment" in text
    other = replace(CURATION, aligned_at="2026-01-01")
    assert "2026-01-01" not in page(RESULT, curations=(other,))


def test_the_terminal_has_the_same_in_ascii() -> None:
    for text in (ais_table([RESULT]), ais_line(RESULT), ais_notes([RESULT])):
        assert text.isascii()
    assert "70 % (39 to 120 %)" in ais_table([RESULT])
    assert ais_line(RESULT).endswith(RESULT.diagnosis_reason)
    assert "nothing of 2026-01-10 or later" in ais_notes([RESULT])
    assert ais_table([]) == "no results"
