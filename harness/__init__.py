"""Verify a port against the test suite of its source project.

Everything a reader, a target or a matcher of your own needs is in `harness.model`.
"""
