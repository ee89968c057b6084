"""Jobs and runs as HTML. Every text in it passes `escape`: prompts are anybody's."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from tsattn.methods import written
from tsattn.web.editor import drawn

if TYPE_CHECKING:
    from tsattn.control import ControlConfig
    from tsattn.plan.timeline import Clip
    from tsattn.web.library import Entry
    from tsattn.web.workshop import Job

LABELS = {"baseline": "Model alone", "controlled": "Under control"}
CHARTS = {
    "attention": "What each frame attends to: every event, over time",
    "region": "Where it acts: the moving subject's region",
    "layers": "Where control bites: blocks and denoising steps",
    "words": "The words of the prompt, as the model's tokens",
}
FILES = {
    "controlled.mp4": "under control, mp4",
    "baseline.mp4": "model alone, mp4",
    "side_by_side.mp4": "side by side, mp4",
    "region.mp4": "motion region, mp4",
    "plan.yaml": "plan, YAML",
    "run.json": "run.json",
    "report.html": "report, HTML",
    "contact_sheet.png": "contact sheet, PNG",
}


def _control(config: ControlConfig) -> str:
    return f"{written(config, strength=False)}, strength {config.strength:g}"


def note(text: str, kind: str = "plain") -> str:
    """A line about what happens: `kind` is "good", "bad" or "plain"."""
    return f'<div class="ts-status"><p class="ts-note {kind}">{escape(text)}</p></div>'


def status(job: Job, ahead: int) -> str:
    """How far a job is."""
    if job.stage == "waiting":
        runs = {0: "its turn is next", 1: "one run is before this one"}.get(ahead, f"{ahead} runs are before this one")
        return note(f"Waiting: {runs}.")
    if job.stage == "opening":
        return note("Opening the model. The first time, this takes a while.")
    if job.stage == "cancelled":
        return note("Cancelled. Nothing of this run is kept.")
    if job.stage == "failed":
        return note(f"The run failed: {job.error}", "bad")
    if job.stage == "done":
        return note("Done.", "good")
    bars = "".join(_bar(LABELS[video], job.done.get(video, 0), job.steps) for video in job.videos)
    text = "Drawing the charts and writing the files." if job.stage == "drawing" else _left(job)
    return f'<div class="ts-status ts-work">{bars}<p>{escape(text)}</p></div>'


def _bar(label: str, done: int, steps: int) -> str:
    return (
        f'<div class="ts-bar"><span>{label}</span><progress aria-label="{label}" max="{steps}" value="{done}"></progress>'
        f"<span>{done} / {steps}</span></div>"
    )


def _left(job: Job) -> str:
    done, total = sum(job.done.values()), job.steps * len(job.videos)
    if not done:
        return "Denoising."
    left = (job.stepped - job.began) / done * (total - done)
    return f"Denoising; about {f'{left:.0f} s' if left < 100 else f'{left / 60:.0f} min'} left."


def result(entry: Entry, clip: Clip) -> str:
    """A run: its videos with a common scrubber, what was verified, what it cost, charts and files."""
    recipe, there = entry.saved.recipe, entry.files()
    facts = f"seed {recipe.settings.seed} · {recipe.settings.steps} steps · {_control(recipe.control)}"
    parts = [f'<h2 class="ts-title">{escape(recipe.plan.prompt)}</h2><p class="rs-facts">{escape(facts)}</p>']
    if any(name.endswith(".mp4") for name in there):
        seen = _videos(entry, there) + _CONTROLS + _scrubber(entry, clip)
    else:
        seen = note("This file holds no video. Its plan and settings are above; Generate makes the video again.")
    tables = _verdicts(entry, clip) + _cost(entry, there)
    parts.append(f'<div class="rs-top"><div class="rs-seen">{seen}</div><div class="rs-tables">{tables}</div></div>')
    parts += [_findings(entry), _charts(entry, there), _files(entry, there)]
    return f'<div class="rs" data-fps="{clip.fps}" data-frames="{clip.frames}">{"".join(parts)}</div>'


_CONTROLS = """<div class="rs-controls" role="group" aria-label="Both videos">
<button type="button" data-play aria-pressed="false">▶ Play</button>
<button type="button" data-by="-1" aria-label="One frame back">◀ 1</button>
<button type="button" data-by="1" aria-label="One frame on">1 ▶</button>
<label>speed <select aria-label="Speed"><option value="0.25">¼ ×</option><option value="0.5">½ ×</option>
<option value="1" selected>1 ×</option><option value="2">2 ×</option></select></label>
<output>0.00 s</output></div>"""


def _videos(entry: Entry, there: Sequence[str]) -> str:
    apart = [name for name in LABELS if f"{name}.mp4" in there]
    shown = []
    for name in apart or ["side_by_side"]:
        label, done = LABELS.get(name, "Model alone, and under control"), _in_segment(entry, name)
        score = f"<span>{sum(done)} of {len(done)} events</span>" if done else ""
        shown.append(
            f'<figure><figcaption>{label}{score}</figcaption><video src="{_address(entry, f"{name}.mp4")}" muted playsinline '
            f'preload="auto" aria-label="{label}"></video></figure>'
        )
    return f'<div class="rs-videos {"" if apart else "rs-joined"}">{"".join(shown)}</div>'


def _scrubber(entry: Entry, clip: Clip) -> str:
    lanes = []
    for row in drawn(entry.saved.recipe.plan, clip):
        blocks = []
        for event in row["events"]:
            first, last = clip.first_frame(event["first"]), clip.first_frame(event["last"])
            place = f"left:{100 * first / clip.frames:.3f}%;width:{100 * (last - first) / clip.frames:.3f}%"
            colours = f"background:{event['colour']};color:{event['ink']}"
            blocks.append(
                f'<span data-first="{first}" data-last="{last}" style="{place};{colours}"><b>{escape(event["text"])}</b></span>'
            )
        lanes.append(f'<div class="rs-lane" aria-hidden="true">{"".join(blocks)}</div>')
    slider = (
        f'<input type="range" min="0" max="{clip.frames - 1}" step="1" value="0" aria-label="Moment of both videos">'
    )
    return f'<div class="rs-scrub">{"".join(lanes)}<div class="rs-head"></div>{slider}</div>'


def _verdicts(entry: Entry, clip: Clip) -> str:
    names = [name for name in LABELS if name in entry.saved.names]
    heads = "".join(f'<th scope="col">{LABELS[name]}</th>' for name in names)
    rows = []
    for event in (event for row in drawn(entry.saved.recipe.plan, clip) for event in row["events"]):
        cells = "".join(_mark(_in_segment(entry, name), event["number"]) for name in names)
        chip = f'<span class="tl-chip" style="background:{event["colour"]};color:{event["ink"]}">{event["number"] + 1}</span>'
        rows.append(f'<tr><th scope="row">{chip} {escape(event["text"])}</th>{cells}</tr>')
    return (
        f'<table><caption>Done in its segment?</caption><thead><tr><th scope="col">event</th>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _in_segment(entry: Entry, name: str) -> list[bool]:
    """Whether each event of a video was done in its segment; empty where nobody judged."""
    done = (entry.saved.verdicts.get(name) or {}).get("in_segment")
    events = sum(len(subject.events) for subject in entry.saved.recipe.plan.subjects)
    return [bool(one) for one in done] if isinstance(done, list) and len(done) == events else []


def _mark(done: Sequence[bool], number: int) -> str:
    if not done:
        return '<td class="unknown">not judged</td>'
    return '<td class="yes">✓ done</td>' if done[number] else '<td class="no">✕ missed</td>'


def _cost(entry: Entry, there: Sequence[str]) -> str:
    known = {name: value for name in LABELS if (value := entry.saved.seconds.get(name))}
    rows = "".join(f'<tr><th scope="row">{LABELS[n]}</th><td class="num">{s:.2f} s</td></tr>' for n, s in known.items())
    if not rows:
        return ""
    said = ""
    if any(".record." in name for name in there):
        said = '<p class="rs-facts">Recording takes time in both; to see what control alone costs, generate without it.</p>'
    elif len(known) == len(LABELS):
        ratio = known["controlled"] / known["baseline"]
        rows += f'<tr><th scope="row">Overhead</th><td class="num">{ratio:.2f} × the model alone</td></tr>'
    return f"<div><table><caption>Time of the pipeline</caption><tbody>{rows}</tbody></table>{said}</div>"


def _findings(entry: Entry) -> str:
    if not entry.findings:
        return ""
    items = "".join(f'<li class="{escape(one.level)}">{escape(one.text)}</li>' for one in entry.findings)
    return f'<section><h3>What the recording shows</h3><ul class="rs-findings">{items}</ul></section>'


def _charts(entry: Entry, there: Iterable[str]) -> str:
    shown = []
    for name, title in CHARTS.items():
        if f"{name}.png" in there:
            narrow = f"{name}-narrow.png"
            source = (
                f'<source media="(max-width: 640px)" srcset="{_address(entry, narrow)}">' if narrow in there else ""
            )
            opened = " open" if name == "attention" else ""
            shown.append(
                f"<details{opened}><summary>{title}</summary><picture>{source}"
                f'<img src="{_address(entry, f"{name}.png")}" alt="{title}" loading="lazy"></picture></details>'
            )
    return f'<section class="rs-charts"><h3>Charts</h3>{"".join(shown)}</section>' if shown else ""


def _files(entry: Entry, there: Iterable[str]) -> str:
    items = "".join(
        f'<li><a href="{_address(entry, file)}?download" download>{label}</a></li>'
        for file, label in FILES.items()
        if file in there
    )
    return f'<section><h3>Files</h3><ul class="rs-files">{items}</ul></section>'


def history(entries: Sequence[Entry], current: str | None) -> str:
    """A browser's runs, the latest first, each a button that opens it."""
    if not entries:
        return '<p class="ts-empty">Runs of this browser appear here, for as long as the server runs.</p>'
    items = []
    for entry in entries:
        recipe, there = entry.saved.recipe, entry.files()
        video = next(
            (f"{name}.mp4" for name in ("controlled", "baseline", "side_by_side") if f"{name}.mp4" in there), None
        )
        thumb = (
            f'<video src="{_address(entry, video)}#t=0.5" muted playsinline preload="metadata" tabindex="-1" '
            'aria-hidden="true"></video>'
            if video
            else '<span class="hs-none" aria-hidden="true">plan</span>'
        )
        when = time.strftime("%H:%M", time.localtime(entry.at)) + (" · loaded" if entry.loaded else "")
        facts = f"{when} · seed {recipe.settings.seed} · {recipe.settings.steps} steps · {_control(recipe.control)}"
        mark = ' aria-current="true"' if entry.id == current else ""
        items.append(
            f'<li><button type="button" data-run="{entry.id}"{mark}>{thumb}<span><b>{escape(recipe.plan.prompt)}</b>'
            f"<small>{escape(facts)}</small></span></button></li>"
        )
    return f'<ul class="hs">{"".join(items)}</ul>'


def _address(entry: Entry, file: str) -> str:
    return f"runs/{entry.id}/{escape(file)}"
