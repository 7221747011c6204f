"""The page of one run, and the comparison of two."""
