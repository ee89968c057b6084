import filecmp

import pytest

from training.vae import take_over
from tsattn.shapes import MODEL


def test_the_autoencoder_of_a_start_is_taken_over_but_not_beside_latents_of_another(tmp_path):
    taken = take_over(tmp_path, MODEL)
    weights = taken / "diffusion_pytorch_model.safetensors"
    assert filecmp.cmp(weights, MODEL / "vae" / weights.name, shallow=False)
    assert take_over(tmp_path, MODEL) == taken
    weights.write_bytes(b"another")
    with pytest.raises(ValueError, match="is not that of"):
        take_over(tmp_path, MODEL)
    assert weights.read_bytes() == b"another"
