"""What is special to SkyReels-V2: the picture among the keys, and what is refused."""

from __future__ import annotations

import pytest

import tsattn
from tests.families.case import plan
from tests.families.skyreels import CASES
from tsattn.control.registry import family_named
from tsattn.errors import ControlError, UnsupportedPipelineError

BY_NAME = {case.name: case for case in CASES}


def test_with_a_picture_among_the_keys_the_text_has_512_columns():
    case = BY_NAME["skyreels-v2-i2v"]
    with (
        pytest.raises(ControlError, match="max_sequence_length is 256, but .* leave it at 512"),
        tsattn.control(case.pipe, plan()),
    ):
        case(max_sequence_length=256)


@pytest.mark.parametrize("task", ["", "ImageToVideo", "VideoToVideo"])
def test_diffusion_forcing_is_refused(task):
    with pytest.raises(UnsupportedPipelineError, match="supported are exactly"):
        family_named(f"SkyReelsV2DiffusionForcing{task}Pipeline")
