"""One on-disk format a file.

A module here has `OPTIONS` and `REQUIRED` (what its `[[suite]]` may and must say), `read(suite, root, options)`, which
yields cases, shared files, notices and faults, and `canonical(text)`, the format's own rule of equality. One that can
be recorded also has `inputs(suite, root, options)` and `write(root, options, case, text)`.
"""
