"""Small things that have a name of their own in the public vocabulary."""
