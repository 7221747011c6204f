"""The heart: a run's life, as scripts of operations. Nothing is done here, only asked for."""
