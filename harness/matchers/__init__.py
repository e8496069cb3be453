"""One kind of comparison a file.

A module here has `OPTIONS` and `REQUIRED` (what its `[[suite.rule]]` may and must say) and `make(options) -> Matcher`.
"""
