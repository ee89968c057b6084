"""Pictures to tensors."""

import numpy as np
import torch


def pil_to_tensor(picture):
    """Shape (channels, y, x), uint8."""
    return torch.from_numpy(np.array(picture)).movedim(-1, 0)
