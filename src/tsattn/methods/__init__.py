"""Every way to make a video of a plan that can be asked for by name, and the one place that makes it so.

table    names, and what they stand for: a control, and a way to run the pipeline
names    the same with other numbers, as a person writes it
making   runs it so: once, or by
passes   one pass for each event
windows  one window for each event, all together
"""

from tsattn.methods.making import check_way, make_video
from tsattn.methods.names import ALIASES, ALL, canonical, changed, control_named, method_named, written
from tsattn.methods.table import COMPARED, CONTROLS, ENGINE, METHODS, PAPER, Method, check_method

__all__ = [
    "ALIASES", "ALL", "COMPARED", "CONTROLS", "ENGINE", "METHODS", "PAPER", "Method", "canonical", "changed", "check_method", "check_way",
    "control_named", "make_video", "method_named", "written",
]  # fmt: skip
