"""Videos on disk, and pictures of them against their plan: two side by side, or a sheet of frames.

mp4   writing and reading                    sheets   the pictures
page  a page across which time runs          strips   what they are stacked of
text  words in the space there is

Axes: f frames, y rows, x columns.
"""

from tsattn.video.mp4 import (
    LONGEST_NAME,
    Frames,
    enlargement,
    moved_into_place,
    read_metadata,
    read_mp4,
    sweep,
    write_mp4,
)
from tsattn.video.sheets import Row, contact_sheet, side_by_side

__all__ = [
    "LONGEST_NAME",
    "Frames",
    "Row",
    "contact_sheet",
    "enlargement",
    "moved_into_place",
    "read_metadata",
    "read_mp4",
    "side_by_side",
    "sweep",
    "write_mp4",
]
