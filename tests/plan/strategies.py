"""Plans for property tests."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from tsattn.plan import Plan, Segment
from tsattn.plan.notation import Unit
from tsattn.plan.schema import validated

VERBS = ["jumps", "sleeps", "runs away", "looks around", "climbs the wall", "eats a fish", "purrs"]


@st.composite
def segments(draw: st.DrawFn, unit: Unit) -> Segment:
    """Any segment in a unit."""
    if unit in ("frames", "latent_frames"):
        start, length = draw(st.integers(0, 500)), draw(st.integers(1, 500))
    elif unit == "fraction":
        start, length = draw(st.floats(0, 0.99)), draw(st.floats(1e-6, 1))
    else:
        start, length = draw(st.floats(0, 500)), draw(st.floats(1e-3, 500))
    end = min(start + length, 1.0) if unit == "fraction" else start + length
    return Segment(start=start, end=draw(st.sampled_from([end, end, None])), unit=unit)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Any valid plan, over any text, with segments in any unit that may overlap, leave gaps and have no end."""
    prompt = draw(st.text(min_size=1, max_size=40).filter(str.strip))
    bounds = st.tuples(st.integers(0, len(prompt)), st.integers(0, len(prompt))).filter(lambda pair: pair[0] < pair[1])
    spans = draw(st.lists(bounds, min_size=1, max_size=3, unique=True))

    def words(span: tuple[int, int]) -> dict[str, Any]:
        return {"text": prompt[slice(*span)], "span": span}

    subjects = []
    for span in spans:
        units = draw(
            st.lists(st.sampled_from(["fraction", "seconds", "frames", "latent_frames"]), min_size=1, max_size=4)
        )
        due = [draw(segments(unit)) for unit in units]
        due.sort(key=lambda segment: (segment.unit, segment.start))
        events = [{**words(draw(bounds)), "segment": segment.model_dump()} for segment in due]
        subjects.append({**words(span), "events": events})
    return validated({"prompt": prompt, "subjects": subjects})


@st.composite
def stories(draw: st.DrawFn, unit: Unit, *, gaps: bool = False, last_open: bool = False, front: bool = False) -> Plan:
    """A cat that does one thing after the other, each due after the one before it.

    Without `gaps` the segments follow each other from the start of the clip on; fractions then fill it.
    """
    verbs = draw(st.lists(st.sampled_from(VERBS), min_size=2, max_size=5, unique=True))
    whole = 1000 if unit == "fraction" else 400
    count = 2 * len(verbs) if gaps else len(verbs) + 1
    cuts = sorted(draw(st.lists(st.integers(0, whole), min_size=count, max_size=count, unique=True)))
    if not gaps:
        cuts[0], cuts[-1] = 0, whole
    times = [cut / {"fraction": 1000, "seconds": 16}.get(unit, 1) for cut in cuts]
    pairs = list(zip(times[::2], times[1::2], strict=True)) if gaps else list(pairwise(times))
    due = [Segment(start=start, end=end, unit=unit) for start, end in pairs]
    if last_open:
        due[-1] = Segment(start=due[-1].start, unit=unit)
    prompt = draw(st.sampled_from(["Soft morning light in a kitchen. ", "一间厨房。 "])) if front else ""
    prompt += (
        "A cat " + draw(st.sampled_from([", ", ", then ", " and "])).join(verbs) + draw(st.sampled_from(["", "."]))
    )
    events = [{"text": verb, "segment": segment.model_dump()} for verb, segment in zip(verbs, due, strict=True)]
    return validated({"prompt": prompt, "subjects": [{"text": "cat", "events": events}]})
