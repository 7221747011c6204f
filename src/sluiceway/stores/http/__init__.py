"""The store behind a server, reached over HTTP."""
