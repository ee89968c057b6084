"""What does the jobs: a process that keeps one pipeline loaded. It gets a job and gives bytes, and writes no file.

Every engine has the same worker, so that they make the same videos. How many threads torch has decides the order of its
sums on a CPU, and with it the last bits of a video; so the number is set, and is the same wherever nothing else is asked for.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tsattn.batch.jobs import Job
from tsattn.batch.updates import Failed, Made, Record, Unopened
from tsattn.errors import ModelError, OutputError, TsattnError
from tsattn.fingerprint import fingerprint
from tsattn.generate import EMBEDDED_MODELS, Model, Run, describe, open_model
from tsattn.methods import make_video
from tsattn.runs.making import WEIGHTS, versions_here

if TYPE_CHECKING:
    from PIL.Image import Image

THREADS = 1
"""Threads of torch in each worker, unless asked otherwise."""
LONGEST_ERROR = 2000
"""Characters of an error that are kept."""
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)


class Doer(Protocol):
    """What an engine needs of a worker."""

    def hello(self) -> str:
        """Who it is, once it can work."""

    def do(self, job: Job, image: bytes | None) -> Made | Failed | Unopened:
        """Do a job; whatever goes wrong with it is in the result.

        Raises `OutputError` where this machine has no room for a video, so that the next job would be done in vain, too.
        """


class Worker:
    """Makes videos with torch on `threads` threads; opens a model when its first job comes, and lets go of the one before."""

    def __init__(self, threads: int = THREADS) -> None:
        import torch

        torch.set_num_threads(threads)
        self._model: Model | None = None
        self._identity = ""
        self._environment: dict[str, str] = {}

    def hello(self) -> str:
        """Host and process."""
        return f"{socket.gethostname()}:{os.getpid()}"

    def do(self, job: Job, image: bytes | None) -> Made | Failed | Unopened:
        """Make the video of a job. Raises `OutputError` where it finds no room in the folder for temporary files."""
        try:
            model = self._opened(job)
        except Exception as error:  # a model may be broken in any way, or the GPU
            return Unopened(described(error))
        try:
            picture = None if image is None else _picture(image)
            _forget_peak()
            run = make_video(model, job.plan, job.settings, job.how, image=picture)
            video = _encoded(job, run)
            verdict = _verdict(job, model, run)
        except OutputError:
            raise
        except Exception as error:  # a job may fail in any way, and the others go on
            return Failed(described(error))
        return Made(
            video,
            Record(
                frames=len(run.video),
                fps=job.settings.fps,
                seconds=round(run.seconds, 3),
                peak_memory=_peak_memory(),
                worker=self.hello(),
                environment=self._environment,
                verdict=verdict,
                size=len(video),
                sha256=hashlib.sha256(video).hexdigest(),
            ),
        )

    def _opened(self, job: Job) -> Model:
        _check_gpu()
        if self._model is None or self._identity != job.fingerprint:
            self._model = None  # its memory is needed
            model = _open(job)
            self._environment = {k: v for k, v in versions_here(model.facts).items() if k != WEIGHTS}
            self._model, self._identity = model, job.fingerprint
        return self._model


def described(error: BaseException) -> str:
    """An error in one line, without anything that the environment keeps secret."""
    text = " ".join(str(error).split())
    text = text if isinstance(error, TsattnError) else f"{type(error).__name__}: {text}"
    for name, value in os.environ.items():
        if _SECRET.search(name) and len(value) >= 6:
            text = text.replace(value, "[secret]")
    return text[:LONGEST_ERROR]


def _open(job: Job) -> Model:
    facts = describe(job.source)
    if fingerprint(facts) != job.fingerprint:
        raise ModelError(
            f"the model {job.model!r} on {socket.gethostname()} is not the one that the batch was planned with; give "
            "every machine the same, and start the batch again"
        )
    return open_model(facts)


def _picture(content: bytes) -> Image:
    from PIL import Image, ImageOps

    return ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB")  # turned as its camera says


def _encoded(job: Job, run: Run) -> bytes:
    """The video as the bytes of an MP4 file that says what it was made from; the same for the same pixels.

    Raises `OutputError` where the file, which is a temporary one, cannot be written.
    """
    from tsattn import __version__
    from tsattn.video import enlargement, write_mp4

    about = f"tsattn {__version__}: {job.method}, seed {job.settings.seed}, job {job.key}"
    metadata = {"title": job.plan.prompt, "comment": about}
    scale = enlargement(*run.video.shape[1:3])
    try:
        with tempfile.TemporaryDirectory(prefix="tsattn-") as folder:
            path = Path(folder) / "video.mp4"
            write_mp4(path, run.video, fps=job.settings.fps, scale=scale, metadata=metadata)
            return path.read_bytes()
    except OSError as error:  # nothing of the job is in the file's name, so that it is the disk's
        reason = getattr(error.__cause__, "strerror", None) or error.strerror or error
        raise OutputError(
            f"cannot write a video to the folder for temporary files of {socket.gethostname()}: {reason}; what is done is "
            "safe. Make room there, or name another folder in TMPDIR, and start again"
        ) from error


def _verdict(job: Job, model: Model, run: Run) -> dict[str, Any] | None:
    from tsattn.evaluate.verdict import judge

    if model.facts.name not in EMBEDDED_MODELS:
        return None
    verdict = judge(job.plan, model.facts.clip(job.settings), run.video)
    return None if verdict is None else verdict._asdict()


def _check_gpu() -> None:
    """Raise what torch does where an earlier job left a GPU that computes no more; only a new process gets it back."""
    import torch

    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.synchronize()


def _forget_peak() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def _peak_memory() -> int | None:
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
