"""`python -m tsattn` is the command `tsattn`."""

from tsattn.cli import main

main()
