"""A run: a prompt with its plan, a model, settings and control become videos, verdicts and a record of how.

recipe     what a run is made from, and back from the JSON that its files carry
making     making it, and making it again
retrying   making it until a judge misses nothing, and keeping the best
files      the folder of a run, and every mp4 alone
"""

from tsattn.runs.files import FILES, load, read, write
from tsattn.runs.making import Run, Video, again, check, differences, make
from tsattn.runs.recipe import Recipe, Saved

__all__ = ["FILES", "Recipe", "Run", "Saved", "Video", "again", "check", "differences", "load", "make", "read", "write"]
