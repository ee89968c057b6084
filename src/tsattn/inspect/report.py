"""All that a record shows, as files for papers and as one page that needs nothing beside it."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsattn.inspect import charts, overlay
from tsattn.inspect.diagnosis import Finding, diagnose
from tsattn.inspect.store import Record
from tsattn.palette import ink_on
from tsattn.video import Frames, moved_into_place, side_by_side, write_mp4

if TYPE_CHECKING:
    from PIL.Image import Image

STYLE = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1f2328;--faint:#59636e;--card:#f6f8fa;--line:#d1d9e0}
@media(prefers-color-scheme:dark){:root{--paper:#16181d;--ink:#e8eaed;--faint:#9aa1ab;--card:#1f2329;--line:#3a4048}}
body{margin:0 auto;max-width:62rem;padding:1rem;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}
h1{font-size:1.3rem;overflow-wrap:anywhere}h2{font-size:1.05rem;margin:2rem 0 .5rem}p,figcaption{color:var(--faint)}
figure{margin:0}figure img{width:100%;height:auto;background:#fff;border-radius:.4rem;border:1px solid var(--line)}
ul{padding:0;list-style:none}li{padding:.5rem .75rem;margin:.35rem 0;background:var(--card);border-left:.3rem solid var(--line);
border-radius:.2rem;overflow-wrap:anywhere}li b{margin-right:.4rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}td,th{padding:.3rem .6rem;text-align:left;
border-bottom:1px solid var(--line)}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.badge{display:inline-block;min-width:1.5em;text-align:center;border-radius:.25rem;font-weight:600}
"""
LEVELS = {"problem": ("#D55E00", "Problem"), "note": ("#56B4E9", "Note"), "good": ("#009E73", "Good")}
CHARTS: dict[str, tuple[str, str]] = {
    "attention": (
        "Attention of each event over time",
        "Strips: the event of the plan, and the event with the most attention inside the motion region, frame by frame. "
        "Curves: each event's share of the attention; shaded is when it is due.",
    ),
    "region": (
        "Where control acted",
        "Tinted in the colour of the event that is due: the subject's motion region; the stronger, the more steps and layers "
        "agree. The map is light where the model looks for the subject.",
    ),
    "layers": (
        "Where control bites",
        "By attention layer and denoising step: how much attention moves to the events that are due, and how large the "
        "region is.",
    ),
    "words": ("What the model reads", "The prompt's tokens with the plan's words marked, and the text column of each."),
}
"""Name of each picture, its heading and what it shows."""


def write(
    folder: Path,
    record: Record,
    *,
    baseline: Record | None = None,
    frames: Frames | None = None,
    done: list[bool] | None = None,
    title: str = "",
) -> list[str]:
    """Write report.html, every chart as PNG and SVG, and with the video's `frames` region.png and region.mp4.

    Returns the files' names. Raises `RunError` where matplotlib is missing, `OutputError` where a file cannot be written.
    """
    pictures = _pictures(record, baseline, frames, done)
    files = {name: content for name, content in pictures.items() if "narrow" not in name}
    page = _page(record, pictures, baseline=baseline, done=done, title=title)
    files["report.html"] = page.encode()
    for name, content in files.items():
        with moved_into_place(folder / name) as part:
            part.write_bytes(content)
    if frames is None:
        return sorted(files)
    shown = overlay.larger(frames)
    pair = side_by_side(
        shown, overlay.region_video(record, shown), labels=("video", "motion region"), plan=record.plan,
        clip=record.clip, scale=1,
    )  # fmt: skip
    write_mp4(folder / "region.mp4", pair, fps=record.clip.fps)
    return sorted([*files, "region.mp4"])


def html(
    record: Record,
    *,
    baseline: Record | None = None,
    frames: Frames | None = None,
    done: list[bool] | None = None,
    title: str = "",
) -> str:
    """The report as one page with all pictures inside it; nothing is fetched when it is read."""
    pictures = _pictures(record, baseline, frames, done)
    return _page(record, pictures, baseline=baseline, done=done, title=title)


def _pictures(
    record: Record, baseline: Record | None, frames: Frames | None, done: list[bool] | None
) -> dict[str, bytes]:
    """Every picture as a file, by its name; those for narrow screens are for the page only."""
    figures = {
        "attention": charts.attention(record, baseline),
        "layers": charts.layers(record),
        "words": charts.words(record),
    }
    narrow = {
        "attention-narrow.svg": charts.attention(record, baseline, wide=False),
        "words-narrow.svg": charts.words(record, wide=False),
    }
    files = {f"{name}.svg": charts.svg(figure).encode() for name, figure in figures.items()}
    files |= {f"{name}.png": charts.png(figure) for name, figure in figures.items()}
    files |= {name: charts.svg(figure).encode() for name, figure in narrow.items()}
    if frames is not None:
        files["region.png"] = _png(overlay.sheet(record, frames, done=done))
    return files


def _page(
    record: Record, pictures: dict[str, bytes], *, baseline: Record | None, done: list[bool] | None, title: str
) -> str:
    shown = escape(title or record.plan.prompt)
    return "\n".join([
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>{shown}</title><style>{STYLE}</style></head><body>",
        f"<h1>{shown}</h1><p>{escape(_about(record))}</p>",
        f"<h2>Diagnosis</h2>{_findings(diagnose(record, baseline=baseline, done=done))}",
        f"<h2>Events</h2>{_table(record, baseline, done)}",
        *(_section(name, pictures) for name in CHARTS),
        "</body></html>",
        "",
    ])  # fmt: skip


def _section(name: str, pictures: dict[str, bytes]) -> str:
    """A picture under its heading, "" where there is none of this name."""
    file = next((file for file in (f"{name}.svg", f"{name}.png") if file in pictures), None)
    if file is None:
        return ""
    heading, caption = CHARTS[name]
    image = f'<img src="{_data(file, pictures[file])}" alt="{escape(caption, quote=True)}">'
    narrow = f"{name}-narrow.svg"
    if narrow in pictures:
        source = f'<source media="(max-width:40rem)" srcset="{_data(narrow, pictures[narrow])}">'
        image = f"<picture>{source}{image}</picture>"
    return f"<h2>{escape(heading)}</h2><figure>{image}<figcaption>{escape(caption)}</figcaption></figure>"


def _about(record: Record) -> str:
    steps, clip = len(record.steps), record.clip
    control = "under control" if record.acted else "the model alone"
    return (
        f"{control}; {clip.frames} frames, {clip.seconds:.4g} s, {record.grid.frames} latent frames of {record.grid.rows} x "
        f"{record.grid.columns} tokens; {steps} of {record.total_steps} denoising steps and {len(record.layers)} attention "
        "layers recorded, averaged over heads, tokens, steps and layers"
    )


def _findings(findings: Sequence[Finding]) -> str:
    items = []
    for finding in findings:
        colour, name = LEVELS[finding.level]
        items.append(f'<li style="border-color:{colour}"><b>{name}</b>{escape(finding.text)}</li>')
    return f"<ul>{''.join(items)}</ul>"


def _table(record: Record, baseline: Record | None, done: list[bool] | None) -> str:
    columns: list[tuple[str, Callable[[int, slice], str]]] = []

    def share(of: Record, *, after: bool) -> Callable[[int, slice], str]:
        return lambda number, due: _percent(of.inside(after=after)[number, due])

    if baseline is not None:
        columns.append(("model alone", share(baseline, after=False)))
    columns.append(("before", share(record, after=False)))
    if record.acted:
        columns.append(("under control", share(record, after=True)))
    heads = "".join(f'<th class="n" scope="col">{name}</th>' for name, _ in columns)
    rows = []
    for due in record.events:
        badge = (
            f'<span class="badge" style="background:{due.colour};color:{ink_on(due.colour)}">{due.number + 1}</span>'
        )
        cells = "".join(f'<td class="n">{cell(due.number, slice(*due.stretch))}</td>' for _, cell in columns)
        verdict = "" if done is None else f"<td>{'done' if done[due.number] else 'missed'}</td>"
        when = f"{due.stretch.first}-{due.stretch.last - 1}"
        rows.append(f'<tr><td>{badge} {escape(due.text)}</td><td class="n">{when}</td>{cells}{verdict}</tr>')
    last = "" if done is None else '<th scope="col">seen</th>'
    return (
        '<div class="scroll"><table><thead><tr><th scope="col">event</th><th class="n" scope="col">latent frames</th>'
        f"{heads}{last}</tr></thead><tbody>{''.join(rows)}</tbody></table></div><p>Share of the motion region's attention in "
        "the event's own segment.</p>"
    )


def _percent(shares: Any) -> str:
    import numpy as np

    shares = shares[np.isfinite(shares)]
    return f"{100 * float(shares.mean()):.3g} %" if len(shares) else "no region"


def _data(name: str, content: bytes) -> str:
    kind = "image/svg+xml" if name.endswith(".svg") else "image/png"
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _png(image: Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
