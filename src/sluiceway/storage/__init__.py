"""Result storage: how values become bytes, where the bytes are, and how they are found again."""
