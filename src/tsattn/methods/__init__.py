"""Every way to make a video of a plan that can be asked for by name, and the one place that makes it so.

table    names, and what they stand for: a control, and a way to run the pipeline
making   runs it so: once, or by
passes   one pass for each event
windows  one window for each event, all together
"""

from tsattn.methods.making import check_way, make_video
from tsattn.methods.table import COMPARED, CONTROLS, METHODS, PAPER, Method, check_control, check_method, named

__all__ = [
    "COMPARED", "CONTROLS", "METHODS", "PAPER", "Method", "check_control", "check_method", "check_way", "make_video", "named",
]  # fmt: skip
