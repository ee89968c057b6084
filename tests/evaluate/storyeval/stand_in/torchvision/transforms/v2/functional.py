"""What is done to tensors of pictures, shape (…, y, x)."""

import torch

from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import pil_to_tensor

__all__ = ["InterpolationMode", "normalize", "pil_to_tensor", "resize"]


def resize(image, size, interpolation=InterpolationMode.BILINEAR, antialias=True):
    """To (y, x)."""
    frames = image.float().reshape(-1, 1, *image.shape[-2:])
    sized = torch.nn.functional.interpolate(frames, size=tuple(size), mode=interpolation.value, antialias=antialias)
    return sized.round().clamp(0, 255).to(image.dtype).reshape(*image.shape[:-2], *size)


def normalize(image, mean, std, inplace=False):
    """By channel."""
    mean, std = (torch.as_tensor(values, dtype=image.dtype).reshape(-1, 1, 1) for values in (mean, std))
    return (image - mean) / std


def grayscale_to_rgb(image):
    """Nothing, as all pictures here have three channels."""
    return image
