"""The ports: what the machinery asks of the world, as protocols."""
