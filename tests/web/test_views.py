"""Jobs and runs as HTML: what they show, and that nothing in them is more than words."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from tsattn.control import ControlConfig
from tsattn.generate import SHAPES_SETTINGS
from tsattn.inspect.diagnosis import Finding
from tsattn.palette import event_colour
from tsattn.plan import parse
from tsattn.plan.timeline import Clip
from tsattn.runs import Recipe, Saved
from tsattn.web import views
from tsattn.web.library import Entry
from tsattn.web.workshop import Job

CLIP = Clip.made(25, 8.0, 4)
EVIL = "<script>alert(1)</script> A cat <img src=x onerror=alert(2)> jumps, then \"sleeps' & purrs"
BOTH = ("baseline", "controlled")


class Tags(HTMLParser):
    """All tags and attributes that a browser would see."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]


@pytest.fixture
def entry(tmp_path):
    def made(prompt="A red circle moves right, then grows", files=(), names=BOTH, **known):
        for name in files:
            (tmp_path / name).write_bytes(b"")
        saved = Saved(
            recipe=Recipe(plan=parse(prompt), model="shapes", settings=SHAPES_SETTINGS, control=ControlConfig()),
            clip=CLIP,
            versions={},
            sha256=dict.fromkeys(names, ""),
            verdicts=known.get("verdicts", {}),
            seconds=known.get("seconds", {}),
            path=tmp_path,
            folder=None,
        )
        return Entry("x" * 22, tmp_path, saved, known.get("findings", ()))

    return made


def test_texts_of_others_stay_texts(entry):
    evil = entry(EVIL, [f"{name}.mp4" for name in BOTH], findings=[Finding(None, "note", EVIL)])
    pages = [views.result(evil, CLIP), views.history([evil], None), views.note(EVIL)]
    for page in map(Tags, pages):
        assert not {"script", "img"} & set(page.tags)
        assert not [name for name in page.attributes if name.startswith("on")]


def test_a_result_shows_both_videos_their_events_and_verdicts(entry):
    verdicts = {
        name: {"in_segment": done, "in_order": done, "subject_kept": True}
        for name, done in zip(BOTH, ([False, False], [True, False]), strict=True)
    }
    files = [*(f"{name}.mp4" for name in BOTH), "plan.yaml", "other.txt"]
    made = entry(files=files, verdicts=verdicts, seconds={"baseline": 2.0, "controlled": 2.1})
    page = views.result(made, CLIP)
    assert page.count("<video") == 2 and page.count("✓ done") == 1 and page.count("✕ missed") == 3
    assert "0 of 2 events" in page and "1 of 2 events" in page
    assert "1.05 × the model alone" in page
    assert all(event_colour(k) in page for k in range(2))
    assert "plan, YAML" in page and "other.txt" not in page


def test_times_that_hold_the_recording_give_no_overhead(entry):
    made = entry(files=["controlled.record.json"], seconds={"baseline": 2.0, "controlled": 2.1})
    assert "×" not in views.result(made, CLIP).split("Time of the pipeline")[1]


@pytest.mark.parametrize(
    "verdict", [None, {}, {"in_segment": "ab"}, {"in_segment": [True]}, {"in_segment": [True] * 3}]
)
def test_a_verdict_that_is_none_is_not_a_miss(entry, verdict):
    page = views.result(entry(verdicts={"controlled": verdict}, names=("controlled",)), CLIP)
    assert page.count("not judged") == 2 and "missed" not in page


def test_a_sidecar_alone_tells_what_to_do(entry):
    page = views.result(entry(files=["run.json"]), CLIP)
    assert "<video" not in page and "Generate makes the video again" in page


def test_both_videos_in_one_file_are_one_player(entry):
    page = views.result(entry(files=["side_by_side.mp4"]), CLIP)
    assert page.count("<video") == 1 and "side_by_side.mp4" in page


def test_a_job_tells_where_it_is():
    job = Job("me", 20, BOTH, work=lambda job: None)
    told = [views.status(job, ahead) for ahead in (0, 1, 2)]
    assert len(set(told)) == 3
    job.stage, job.began, job.stepped, job.done = "running", 100.0, 110.0, {"baseline": 10}
    now = views.status(job, 0)
    assert "10 / 20" in now and "0 / 20" in now and "about 30 s left" in now
    for stage, text in (("drawing", "charts"), ("cancelled", "Cancelled"), ("done", "Done"), ("opening", "Opening")):
        assert text in views.status(replace(job, stage=stage), 0)
    assert "&lt;b&gt;" in views.status(replace(job, stage="failed", error="<b>"), 0)


def test_the_history_marks_what_is_shown(entry):
    made = entry()
    assert 'aria-current="true"' in views.history([made], made.id)
    assert "aria-current" not in views.history([made], None)
    assert "appear here" in views.history([], None)
