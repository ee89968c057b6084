"""Everything tsattn raises on purpose.

TsattnError
├── PlanError                 a prompt, plan or timeline that cannot mean what was asked
│   └── SpanError             words of the plan that are not where they should be in the tokenized prompt
├── ChatError                 a language model that could not be asked
│   ├── RefusalError          it will not answer this, or a filter keeps its answer back
│   ├── RequestError          the server takes no request of this form
│   ├── AccessError           a key or a model that the server knows not: it will answer nothing
│   └── PlannerError          it gave no valid plan
├── ControlError              a pipeline that cannot be controlled, or was not
│   ├── UnsupportedPipelineError   no family knows this pipeline, or this configuration of it
│   └── NothingControlledError     control was on, and touched nothing
├── ModelError                a model that cannot be found or opened
├── RunError                  a run or recording that cannot be read, shown or made again
├── EvaluationError           videos, prompts, results or prices that cannot be judged, read or compared
├── BatchError                a batch whose spec, folder or engine cannot be used
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


class ChatError(TsattnError, RuntimeError):
    """A language model that could not be asked."""


class RefusalError(ChatError):
    """A language model that will not answer this, or a filter that keeps its answer back."""


class RequestError(ChatError):
    """A server that takes no request of this form."""


class AccessError(ChatError):
    """A key or a model that the server knows not: it will answer nothing."""


class PlannerError(ChatError):
    """A language model that gave no valid plan."""


class ControlError(TsattnError, RuntimeError):
    """A pipeline that cannot be controlled, or was not."""


class UnsupportedPipelineError(ControlError):
    """No family knows this pipeline, or this configuration of it."""


class NothingControlledError(ControlError):
    """Control was on, and touched nothing."""


class ModelError(TsattnError, ValueError):
    """A model that cannot be found or opened."""


class EvaluationError(TsattnError, ValueError):
    """Videos, prompts, results or prices that cannot be judged, read or compared."""


class BatchError(TsattnError, RuntimeError):
    """A batch whose spec, folder or engine cannot be used."""


class RunError(TsattnError, ValueError):
    """A run or recording that cannot be read, shown or made again."""


class OutputError(TsattnError, OSError):
    """A place that cannot be written to."""


class PlanWarning(UserWarning):
    """A plan that is followed, but not to the letter: `warnings.warn` says what was changed or left out."""
