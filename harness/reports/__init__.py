"""One rendering of a run a file."""
