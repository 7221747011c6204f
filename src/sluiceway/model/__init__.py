"""The dictionary: the values that every room speaks of. No input or output, no clock, no threads."""
