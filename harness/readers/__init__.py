"""One on-disk format a file.

A module here has `OPTIONS` and `REQUIRED` (what its `[[suite]]` may and must say), `read(suite, root, options, place)`, which
yields cases, shared files, notices and faults, and `canonical(text)`, the format's own rule of equality.
"""
