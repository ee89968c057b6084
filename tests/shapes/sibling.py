"""An image-to-video sibling of the embedded model that has not been trained yet."""

from pathlib import Path

from training.denoiser import begin
from training.package import package
from training.text import tokenizer
from tsattn.shapes import MODEL


def untrained(folder: Path) -> Path:
    """A pipeline's folder: the embedded model's weights, 2 + 4 further channels that count for nothing."""
    model = begin(tokenizer(), 4, seed=0, start=MODEL, given=6)
    model.transformer.save_pretrained(folder / "transformer")
    model.encoder.save_pretrained(folder / "text_encoder")
    return package(MODEL / "vae", folder / "transformer", folder / "text_encoder", folder / "pipeline")
