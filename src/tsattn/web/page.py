"""The page: what stands where, and which event calls which handler."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from tsattn.errors import TsattnError
from tsattn.methods import CONTROLS, written
from tsattn.settings import Settings
from tsattn.web import views
from tsattn.web.handlers import Handlers, Shown
from tsattn.web.library import Library
from tsattn.web.messages import told
from tsattn.web.models import Models
from tsattn.web.workshop import Workshop

if TYPE_CHECKING:
    from fastapi import FastAPI

ASSETS = Path(__file__).parent / "assets"
SAMPLES = (
    "A red circle moves right, then moves up, and then grows",
    "A blue square moves left, then shrinks",
    "A yellow triangle grows, then moves down, then moves left",
)
OPTIONS = ("model", "method", "strength", "steps", "seed", "compare", "record", "frames", "guidance")
"""The options of a run, in the order of their components."""
FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif"]
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
HEAD = """<header class="ts-head"><h1>tsattn</h1>
<p>Several events from one prompt, each in its own time: plan, compare, understand.</p></header>"""


def mount(app: FastAPI, models: Models, library: Library, workshop: Workshop) -> None:
    """Put the page at the root of an application."""
    page = build(Handlers(models, library, workshop))
    page.queue(default_concurrency_limit=16)
    gr.mount_gradio_app(
        app,
        page,
        "/",
        theme=_theme(),
        css_paths=[ASSETS / "page.css"],
        head='<meta name="color-scheme" content="light dark">',
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        enable_monitoring=False,
    )


@dataclass
class Parts:
    """The components that events touch."""

    prompt: gr.Textbox
    samples: list[gr.Button]
    editor: gr.HTML
    options: dict[str, Any]
    """By the names of `OPTIONS`."""
    generate: gr.Button
    cancel: gr.Button
    status: gr.HTML
    card: gr.Column
    result: gr.HTML
    history: gr.HTML
    drop: gr.HTML
    job: gr.State

    @property
    def running(self) -> list[Any]:
        """What changes while a run is made."""
        return [self.job, self.status, self.generate, self.cancel, self.card, self.result, self.history]


def build(handlers: Handlers) -> gr.Blocks:
    """The page with all of its components and events."""
    with gr.Blocks(title="tsattn", analytics_enabled=False) as page:
        parts = _components(handlers)
        _plan_events(handlers, parts)
        _run_events(handlers, parts, page)
    return page


def _components(handlers: Handlers) -> Parts:
    def edit(asked: Any) -> Any:  # Gradio marks the functions that a component may call, which a method does not allow
        return handlers.edit(asked)

    models = handlers.models
    chosen = models.settings(models.labels[0])
    first = handlers.plan(SAMPLES[0], None, models.labels[0], chosen.frames)
    gr.HTML(HEAD, apply_default_css=False)
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=300, elem_classes="ts-card"):
            prompt = gr.Textbox(SAMPLES[0], label="What happens?", lines=2, max_lines=8, elem_id="prompt")
            with gr.Row(elem_classes="ts-samples"):
                samples = [gr.Button(text, size="sm", min_width=160) for text in SAMPLES]
            editor = _asset("timeline", first, server_functions=[edit])
        with gr.Column(scale=1, min_width=280, elem_classes="ts-card"):
            options = _options(models, chosen)
            generate = gr.Button("Generate", variant="primary", size="lg", elem_id="generate", elem_classes="ts-go")
            cancel = gr.Button("Cancel", elem_id="cancel", interactive=False)
    status = gr.HTML("", elem_id="status", apply_default_css=False)
    with gr.Column(elem_classes="ts-card", visible=False) as card:
        result = _asset("result")
    with gr.Column(elem_classes="ts-card"):
        gr.HTML('<h2 class="ts-title">Runs of this session</h2>', apply_default_css=False)
        history = _asset("history")
        drop = _asset("drop")
    job = gr.State(None)
    return Parts(prompt, samples, editor, options, generate, cancel, status, card, result, history, drop, job)


def _options(models: Models, chosen: Settings) -> dict[str, Any]:
    made: dict[str, Any] = {}
    made["model"] = gr.Dropdown(models.labels, value=models.labels[0], label="Model", interactive=True)
    control = models.control(models.labels[0])
    made["method"] = gr.Dropdown(
        list(CONTROLS),
        value=written(control, strength=False),
        label="Method",
        interactive=True,
        allow_custom_value=True,
    )
    made["strength"] = gr.Slider(0, 2, control.strength, step=0.05, label="Strength", info="0 leaves the model alone")
    made["steps"] = gr.Slider(1, 100, chosen.steps, step=1, label="Steps")
    with gr.Row(elem_classes="ts-seed"):
        made["seed"] = gr.Number(0, label="Seed", precision=0, minimum=0, min_width=120)
        dice = gr.Button("Another seed", size="sm", min_width=100)
        dice.click(None, outputs=made["seed"], js="() => Math.floor(Math.random() * 2 ** 31)", **QUIET)
    made["compare"] = gr.Checkbox(True, label="Compare with the model alone")
    made["record"] = gr.Checkbox(True, label="Record attention, for the charts")
    with gr.Accordion("More", open=False):
        made["frames"] = gr.Number(chosen.frames, label="Frames", precision=0, minimum=1)
        made["guidance"] = gr.Number(chosen.guidance, label="Guidance scale")
    return {name: made[name] for name in OPTIONS}


def _plan_events(handlers: Handlers, parts: Parts) -> None:
    """Prompt, timeline, model and length: whichever changes, the others follow."""
    clip = [parts.options["model"], parts.options["frames"]]
    plan: dict[str, Any] = {"inputs": [parts.prompt, parts.editor, *clip], "outputs": parts.editor, **QUIET}
    # not `input`: Gradio does not tell of the first one, such as a prompt that is pasted
    parts.prompt.change(handlers.plan, trigger_mode="always_last", **plan)
    for sample in parts.samples:
        sample.click(lambda text: text, sample, parts.prompt, **QUIET)
    parts.options["frames"].change(handlers.replace_clip, trigger_mode="always_last", **plan)

    def suited(label: object) -> list[Any]:
        try:
            settings, control = handlers.models.settings(label), handlers.models.control(label)
        except TsattnError as error:
            gr.Warning(told(error))
            return [gr.skip() for _ in best]
        return [settings.frames, settings.steps, settings.guidance, written(control, strength=False), control.strength]

    best = [parts.options[name] for name in ("frames", "steps", "guidance", "method", "strength")]
    parts.options["model"].select(suited, clip[0], best, **QUIET).then(handlers.replace_clip, **plan)

    strengths = {name: config.strength for name, config in CONTROLS.items()}
    how = [parts.options["method"], parts.options["strength"]]
    parts.options["method"].select(lambda method, strength: strengths.get(method, strength), how, how[1], **QUIET)

    def retold(view: Any, prompt: str) -> Any:
        plan = view.get("plan") if isinstance(view, dict) else None
        return plan["prompt"] if isinstance(plan, dict) and plan.get("prompt") != prompt else gr.skip()

    parts.editor.edited(retold, [parts.editor, parts.prompt], parts.prompt, **QUIET)


def _run_events(handlers: Handlers, parts: Parts, page: gr.Blocks) -> None:
    """Generate, cancel, and look at runs."""

    def update(owner: str, shown: Shown) -> list[Any]:
        busy = shown.job is not None
        buttons = [gr.update(interactive=not busy), gr.update(interactive=busy)]
        if shown.entry is None:
            return [shown.job, shown.status, *buttons, gr.skip(), gr.skip(), gr.skip()]
        made = [gr.update(visible=True), handlers.result(shown.entry), handlers.history(owner, shown.entry)]
        return [shown.job, shown.status, *buttons, *made]

    async def generate(request: gr.Request, view: Any, *values: Any) -> AsyncIterator[list[Any]]:
        owner = _owner(request)
        async for shown in handlers.generate(owner, view, dict(zip(OPTIONS, values, strict=True))):
            yield update(owner, shown)

    async def attach(request: gr.Request) -> AsyncIterator[list[Any]]:
        """What a page shows when it is loaded: this browser's runs, and the one that is being made."""
        owner = _owner(request)
        yield [gr.skip()] * 6 + [handlers.history(owner)]
        job = handlers.workshop.active(owner)
        if job is not None:
            async for shown in handlers.follow(job):
                yield update(owner, shown)

    def cancel(request: gr.Request, job: Any) -> None:
        handlers.cancel(_owner(request), job)

    def open_run(request: gr.Request, event: gr.EventData) -> list[Any]:
        owner = _owner(request)
        entry = handlers.library.find(owner, event.run)
        if entry is None:
            return [gr.skip()] * (5 + len(OPTIONS)) + [views.note("This run is no longer kept.", "bad")]
        prompt, view, values = handlers.opened(entry)
        shown = [gr.update(visible=True), handlers.result(entry), handlers.history(owner, entry), ""]
        return [prompt, view, *(values.get(name, gr.skip()) for name in OPTIONS), *shown]

    many: dict[str, Any] = {"concurrency_limit": None, **QUIET}
    attached = page.load(attach, outputs=parts.running, **many)
    inputs = [parts.editor, *parts.options.values()]
    parts.generate.click(generate, inputs, parts.running, cancels=[attached], **many)
    parts.cancel.click(cancel, parts.job, **QUIET)
    opened = [
        parts.prompt,
        parts.editor,
        *parts.options.values(),
        parts.card,
        parts.result,
        parts.history,
        parts.status,
    ]
    for part in (parts.history, parts.drop):
        part.open(open_run, outputs=opened, **QUIET)


def _owner(request: gr.Request) -> str:
    """The browser that asks, as `gate.Gate` knows it."""
    return str(request.request.state.browser)


def _asset(name: str, value: Any = "", **more: Any) -> gr.HTML:
    """A component of our own: its script, and its markup where that is not made in Python."""
    markup = ASSETS / f"{name}.html"
    return gr.HTML(
        value,
        html_template=markup.read_text(encoding="utf-8") if markup.exists() else "${value}",
        js_on_load=(ASSETS / f"{name}.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id=name,
        **more,
    )


def _theme() -> gr.themes.Base:
    """Fonts of the system, so that none is fetched; colours by the names that page.css gives them in light and dark."""
    theme = gr.themes.Base(font=FONT, font_mono=["ui-monospace", "monospace"])
    colours = {
        "body_background_fill": "var(--ground)",
        "background_fill_primary": "var(--paper)",
        "background_fill_secondary": "var(--ground)",
        "body_text_color": "var(--ink)",
        "body_text_color_subdued": "var(--soft)",
        "block_title_text_color": "var(--ink)",
        "block_label_text_color": "var(--ink)",
        "block_info_text_color": "var(--soft)",
        "border_color_primary": "var(--edge)",
        "input_background_fill": "var(--ground)",
        "input_border_color": "var(--edge)",
        "input_placeholder_color": "var(--soft)",
        "slider_color": "var(--accent)",
        "color_accent": "var(--accent)",
        "checkbox_background_color": "var(--paper)",
        "checkbox_background_color_selected": "#0b5cad",
        "checkbox_border_color": "var(--soft)",
        "button_primary_background_fill": "#0b5cad",
        "button_primary_background_fill_hover": "#094c90",
        "button_primary_text_color": "#ffffff",
        "button_secondary_background_fill": "var(--paper)",
        "button_secondary_background_fill_hover": "var(--track)",
        "button_secondary_border_color": "var(--edge)",
        "button_secondary_text_color": "var(--ink)",
    }
    dark = {f"{name}_dark": value for name, value in colours.items() if hasattr(theme, f"{name}_dark")}
    return theme.set(**colours, **dark, button_border_width="1px", block_title_text_weight="600", input_radius="8px")
