"""Stores: where the journal is kept, each behind the port of `ports/store.py`."""
