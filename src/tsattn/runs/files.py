"""The folder of a run, and every mp4 alone: each carries what the run was made from."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from tsattn.errors import OutputError, RunError
from tsattn.plan.timeline import Clip, snap_plan
from tsattn.runs.making import Run, Tried, Video, hash_of
from tsattn.runs.recipe import Saved, parsed, written

LABELS = {"baseline": "model alone", "controlled": "under control"}
"""What people read for the names of videos."""
KEY = "tsattn"
"""Name of the metadata of an mp4 that holds the run's JSON."""
FILES = (
    *("controlled.mp4", "baseline.mp4", "side_by_side.mp4", "contact_sheet.png", "image.png", "run.json"),
    *(f"{name}.record.{ending}" for name in LABELS for ending in ("json", "safetensors")),
)
"""All that a run may write into its folder."""


def write(folder: Path, run: Run) -> list[str]:
    """Write all results aside, then move them into place together; results of an earlier run do not stay among them.

    Returns the names of the files. Raises `OutputError` where the folder cannot be written to, or has no room.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _replaced(folder, run)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(
            f"cannot write the run into {folder}: {error.strerror or error}; choose a folder that has room and may be "
            "written to"
        ) from error


def _replaced(folder: Path, run: Run) -> list[str]:
    with tempfile.TemporaryDirectory(dir=folder, prefix=".tsattn-") as name:
        aside = Path(name)
        _write_videos(aside, run)
        for name, video in run.videos.items():
            if video.record is not None:
                video.record.save(aside / f"{name}.record")
        if run.image is not None:
            run.image.save(aside / "image.png")
        (aside / "run.json").write_text(json.dumps(_sidecar(run), indent=2) + "\n", encoding="utf-8")
        names = sorted(file.name for file in aside.iterdir())
        for name in names:
            os.replace(aside / name, folder / name)
        for name in set(FILES) - set(names):
            (folder / name).unlink(missing_ok=True)
    return names


def read(path: str | Path) -> Saved:
    """The run that an mp4, a run.json or a folder tells of.

    Raises `RunError` for a file that tells of none, `OutputError` for one that cannot be read at all.
    """
    from tsattn.video import read_metadata

    path = Path(path)
    if path.is_dir():
        return _read_json(path / "run.json")
    if path.suffix.lower() == ".json":
        return _read_json(path)
    text = read_metadata(path).get(KEY)
    if text is None:
        raise RunError(
            f"{path} does not say what it was made from: it is no video of tsattn's, or something has taken out its metadata "
            "since; give the run.json that was beside it"
        )
    return parsed(text, path, None)


def load(folder: str | Path) -> Run:
    """A whole run back from its folder: frames as they were encoded, verdicts and records as far as they are there.

    Raises `RunError` where the folder holds no run, `OutputError` where a video of it cannot be read.
    """
    from tsattn.inspect import Record
    from tsattn.shapes.verifier import Verdict
    from tsattn.video import read_mp4

    folder = Path(folder)
    saved = read(folder)
    videos = {}
    for name in saved.names:
        verdict = saved.verdicts.get(name)
        stem = folder / f"{name}.record"
        videos[name] = Video(
            frames=read_mp4(folder / f"{name}.mp4")[0],
            seconds=saved.seconds.get(name),
            verdict=None if verdict is None else Verdict(**verdict),
            record=Record.load(stem) if stem.with_name(stem.name + ".json").exists() else None,
        )
    return Run(recipe=saved.recipe, clip=saved.clip, versions=saved.versions, videos=videos)


def _read_json(path: Path) -> Saved:
    try:
        return parsed(path.read_text(encoding="utf-8"), path, path.parent)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise OutputError(
            f"cannot read the run {path}: {reason}; give a folder that `tsattn generate` wrote"
        ) from error


def _write_videos(folder: Path, run: Run) -> None:
    from tsattn.video import Row, contact_sheet, enlargement, side_by_side, write_mp4

    settings, plan, videos = run.recipe.settings, run.recipe.plan, run.videos
    scale = enlargement(*next(iter(videos.values())).frames.shape[1:3])
    for name, video in videos.items():
        write_mp4(folder / f"{name}.mp4", video.frames, fps=settings.fps, scale=scale, metadata=_metadata(run, name))
    if len(videos) == len(LABELS):
        pair = (videos["baseline"].frames, videos["controlled"].frames)
        both = side_by_side(
            *pair, labels=(LABELS["baseline"], LABELS["controlled"]), plan=plan, clip=run.clip, scale=scale
        )
        write_mp4(folder / "side_by_side.mp4", both, fps=settings.fps, metadata=_metadata(run, *videos))
    rows = [
        Row(LABELS[name], video.frames, video.verdict and video.verdict.in_segment) for name, video in videos.items()
    ]
    contact_sheet(rows, plan=plan, clip=run.clip).save(folder / "contact_sheet.png")


def _metadata(run: Run, *names: str) -> dict[str, str]:
    """What an mp4 of these videos carries. It is the same whenever they are made, so that the file is, too."""
    return {
        "title": run.recipe.plan.prompt,
        "comment": f"made with tsattn {run.versions['tsattn']}; `tsattn rerun FILE` makes it again",
        KEY: json.dumps(_reproduction(run, *names)),
    }


def _reproduction(run: Run, *names: str) -> dict[str, Any]:
    hashes = {name: hash_of(run.videos[name].frames) for name in names}
    return written(run.recipe, clip=run.clip, versions=run.versions, sha256=hashes)


def _sidecar(run: Run) -> dict[str, Any]:
    judged = {name: video.verdict for name, video in run.videos.items()}
    return {
        **_reproduction(run, *run.videos),
        "latent_frames": [[tuple(stretch) for stretch in row] for row in snap_plan(run.recipe.plan, run.clip)],
        "seconds": {name: round(video.seconds, 3) for name, video in run.videos.items() if video.seconds is not None},
        "verdicts": {name: None if verdict is None else verdict._asdict() for name, verdict in judged.items()},
        "tried": [_tried(one, run.clip) for one in run.tried],
    }


def _tried(one: Tried, clip: Clip) -> dict[str, Any]:
    rows = [[tuple(stretch) for stretch in row] for row in snap_plan(one.recipe.plan, clip)]
    seed = one.recipe.settings.seed
    return {"what": one.what, "seed": seed, "latent_frames": rows, **one.opinion._asdict(), "kept": one.kept}
