"""The embedded models: `python -m training` makes the one from text, from nothing, `--i2v` the one from an image, from that.

A cut run goes on where it was. Checkpoints, latents and logs are kept in `training/runs`; the finished pipeline goes where
the package ships it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from training import denoiser, package, vae
from training.data import BOTH
from tsattn.shapes import MODEL, MODEL_I2V


def main() -> None:
    """Run all stages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--runs", type=Path, default=Path("training/runs/shapes"), help="folder for checkpoints and logs"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the denoiser")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--brief", action="store_true", help="in three fifths of the steps")
    which.add_argument("--i2v", action="store_true", help="train the image-to-video sibling")
    which.add_argument("--taught", action="store_true", help="attention is taught where and when to look")
    parser.add_argument("--pairs", action="store_true", help="scenes with two subjects, too")
    parser.add_argument(
        "--start", type=Path, default=None, help="folder of a pipeline to go on from (default for --i2v: the package's)"
    )
    parser.add_argument(
        "--peak", type=float, default=None, help="peak of the learning rate, lower to refine good weights"
    )
    parser.add_argument(
        "--target", type=Path, default=None, help="folder for the pipeline (default: the package's, which is replaced)"
    )
    options = parser.parse_args()
    if options.i2v:
        recipe, shipped, name = denoiser.I2V, MODEL_I2V, "i2v-seed"
    elif options.taught:
        recipe, shipped, name = denoiser.TAUGHT, MODEL, "taught-seed"
    elif options.brief:
        recipe, shipped, name = denoiser.BRIEF, MODEL, "brief-seed"
    else:
        recipe, shipped, name = denoiser.T2V, MODEL, "seed"
    mix = BOTH if options.pairs else recipe.mix
    recipe = recipe._replace(peak=options.peak or recipe.peak, mix=mix)
    start = options.start or (MODEL if options.i2v else None)
    package.check_target(options.target or shipped)
    # latents lie beside the autoencoder, so the one of a start has a folder of its own
    autoencoder = vae.take_over(options.runs / "start", start) if start else vae.train(options.runs)
    trained = denoiser.train(
        options.runs / f"{name}{options.seed}", autoencoder, recipe, seed=options.seed, start=start
    )
    print("written to", package.package(autoencoder, *trained, options.target or shipped))


if __name__ == "__main__":
    main()
