"""The study: pure decisions. What to do next, from what is known; nothing is done here."""
