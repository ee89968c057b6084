from __future__ import annotations

import numpy as np
import pytest

from tsattn.shapes.world import render, sample_scene
from tsattn.video import Frames


@pytest.fixture(scope="module")
def clip() -> Frames:
    return render(sample_scene(np.random.default_rng(1), 3))
