"""Everything tsattn raises on purpose.

TsattnError
├── PlanError                 a prompt, plan or timeline that cannot mean what was asked
│   └── SpanError             words of the plan that are not where they should be in the tokenized prompt
├── PlannerError              a language model that could not be asked for a plan, or gave none that is valid
├── ControlError              a pipeline that cannot be controlled, or was not
│   ├── UnsupportedPipelineError   no family knows this pipeline, or this configuration of it
│   └── NothingControlledError     control was on, and touched nothing
├── ModelError                a model that cannot be found or opened
└── OutputError               a place that cannot be written to

PlanWarning                   a plan that is followed, but not to the letter (a warning, not an error)

Each message says what was expected, what was found and what to do. The command line prints it and exits with code 2.
"""

from __future__ import annotations


class TsattnError(Exception):
    """Base of all errors that tsattn raises on purpose."""


class PlanError(TsattnError, ValueError):
    """A prompt, plan or timeline that cannot mean what was asked."""


class SpanError(PlanError):
    """Words of the plan that are not where they should be in the tokenized prompt."""


class PlannerError(TsattnError, RuntimeError):
    """A language model that could not be asked for a plan, or gave none that is valid."""


class ControlError(TsattnError, RuntimeError):
    """A pipeline that cannot be controlled, or was not."""


class UnsupportedPipelineError(ControlError):
    """No family knows this pipeline, or this configuration of it."""


class NothingControlledError(ControlError):
    """Control was on, and touched nothing."""


class ModelError(TsattnError, ValueError):
    """A model that cannot be found or opened."""


class OutputError(TsattnError, OSError):
    """A place that cannot be written to."""


class PlanWarning(UserWarning):
    """A plan that is followed, but not to the letter: `warnings.warn` says what was changed or left out."""
