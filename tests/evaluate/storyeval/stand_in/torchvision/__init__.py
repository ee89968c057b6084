"""The few functions of torchvision that the processors of vision-language models call.

The wheels of torchvision do not run with a CPU build of torch, which is what the tests have. Where torchvision is installed
the tests use that.
"""

__version__ = "0.28.0"
