"""One promise a file: what a green check is worth, and what may not change unnoticed."""
