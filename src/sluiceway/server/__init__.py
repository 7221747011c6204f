"""The reception: the REST API and the pages. It knows the ports, never a database."""
