"""`python -m harness`."""

import sys

if not sys.flags.safe_path:
    del sys.path[0]  # the working folder: nothing that a port leaves there may stand in for a module

from harness.cli import main

main()
