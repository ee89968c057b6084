"""The embedded model from nothing: `python -m training [--seed N]`. A cut run goes on where it was.

Checkpoints, latents and logs are kept in `training/runs`; the finished pipeline goes where the package ships it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from training import denoiser, package, vae


def main() -> None:
    """Run all stages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--runs", type=Path, default=Path("training/runs/shapes"), help="folder for checkpoints and logs"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the denoiser")
    parser.add_argument("--target", type=Path, default=None, help="folder for the pipeline (default: the package's)")
    parser.add_argument("--start", type=Path, default=None, help="folder of a pipeline whose denoiser to go on from")
    options = parser.parse_args()
    autoencoder = vae.train(options.runs)
    transformer, encoder = denoiser.train(
        options.runs / f"seed{options.seed}", autoencoder, seed=options.seed, start=options.start
    )
    print(
        "written to", package.package(autoencoder, transformer, encoder, *([options.target] if options.target else []))
    )


if __name__ == "__main__":
    main()
