"""The foundations: errors, identifiers, times, names, signatures and hashing."""
