"""Which weights a model has, told without reading all of them, and which code did something, told without its comments."""

from __future__ import annotations

import ast
import hashlib
import io
import tokenize
from collections.abc import Iterable
from pathlib import Path

from tsattn.errors import ModelError
from tsattn.generate import Description

READ_WHOLE = 1 << 20
"""Files up to this many bytes are read whole ..."""
SAMPLES, SAMPLE = 32, 1 << 14
"""... and of larger ones so many stretches of so many bytes, evenly spaced, from the first byte to the last."""
_IGNORED = {".md", ".png", ".jpg", ".gif", ".mp4", ".lock"}


def fingerprint(facts: Description) -> str:
    """A hash that differs between models with different configurations, tokenizers or weights.

    Of a hub id, the commit; of a folder, names, sizes and contents of its files, large ones sampled: a training step
    changes weights everywhere, so that samples differ. Where the folder lies does not count. Raises `ModelError` where
    it cannot be read.
    """
    folder = model_folder(facts)
    if not Path(facts.source).is_dir():
        return folder.name
    digest = hashlib.sha256()
    try:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if path.is_file() and path.suffix not in _IGNORED and not any(part.startswith(".") for part in name.parts):
                digest.update(f"{name.as_posix()}\0{path.stat().st_size}\0".encode(errors="surrogateescape"))
                digest.update(_sampled(path))
    except OSError as error:
        raise ModelError(f"cannot read the model {facts.name!r}: {error.strerror}: {error.filename}") from error
    return digest.hexdigest()


def code_fingerprint(files: Iterable[str]) -> str:
    """A hash of Python files without their comments, docstrings and empty lines, the same in every version of Python."""
    digest = hashlib.sha256()
    for file in files:
        digest.update("\n".join(_bare(Path(file).read_text(encoding="utf-8"))).encode() + b"\0")
    return digest.hexdigest()


def _bare(source: str) -> list[str]:
    """The lines of code."""
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            line, column = token.start
            lines[line - 1] = lines[line - 1][:column]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                lines[line - 1] = ""
    return [bare for line in lines if (bare := line.rstrip())]


def model_folder(facts: Description) -> Path:
    """Where a model's files are: its own folder, or the one of its commit in the hub's cache.

    Raises `ModelError` where the hub's cache does not hold it.
    """
    if Path(facts.source).is_dir():
        return Path(facts.source)
    from huggingface_hub import try_to_load_from_cache

    index = try_to_load_from_cache(facts.source, "model_index.json")
    if not isinstance(index, str):
        raise ModelError(f"{facts.name!r} is not in the hub's cache; download it once with `tsattn doctor --model`")
    return Path(index).parent


def _sampled(path: Path) -> bytes:
    size = path.stat().st_size
    digest = hashlib.sha256()
    with path.open("rb") as file:
        if size <= READ_WHOLE:
            digest.update(file.read())
        else:
            for k in range(SAMPLES):
                file.seek((size - SAMPLE) * k // (SAMPLES - 1))
                digest.update(file.read(SAMPLE))
    return digest.digest()
