"""Recorders: the ways into the journal."""
