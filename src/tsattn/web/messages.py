"""What the page tells of an error: what tsattn raises on purpose, without the server's paths; of others, only that it was one."""

from __future__ import annotations

import logging
import re

from tsattn.errors import TsattnError

LONGEST = 600
"""Characters of a message on the page at the most."""
UNEXPECTED = (
    "something went wrong on the server, which is not your doing; the terminal that runs `tsattn ui` tells more"
)

_log = logging.getLogger("tsattn.web")
_PATH = re.compile(r"(?<![\w.:/])(?:[A-Za-z]:|~|\.{1,2})?[/\\](?:[^\s/\\'\":;,]+[/\\])*([^\s/\\'\":;,]+)")


def told(error: BaseException) -> str:
    """The message that a browser gets to see; anything unexpected is logged with its traceback and not shown."""
    if not isinstance(error, TsattnError):
        _log.error("unexpected error", exc_info=error)
        return UNEXPECTED
    text = " ".join(str(error).split())
    text = _PATH.sub(r"\1", text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} […]"
