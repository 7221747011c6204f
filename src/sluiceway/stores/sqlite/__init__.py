"""The journal in one SQLite file, shared by any number of processes of a machine."""
