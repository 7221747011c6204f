"""DBOS 3.4 with its system database in SQLite."""

from __future__ import annotations

from pathlib import Path

from benchmarks.subjects import PEER, Subject

REQUIREMENTS = ("dbos==3.4.*",)

HELLO = '''"""The smallest program: one workflow, recorded."""

import os

from dbos import DBOS

DBOS(
    config={
        "name": "hello",
        "system_database_url": os.environ["DBOS_SYSTEM_DATABASE_URL"],
        "run_admin_server": False,
    }
)


@DBOS.workflow()
def hello():
    return "Hello, world!"


if __name__ == "__main__":
    DBOS.launch()
    print(hello())
    DBOS.destroy()
'''


def dbos(python: Path) -> Subject:
    """DBOS, which needs no server.

    Args:
        python: The interpreter it is installed for.
    """
    return Subject(
        key="dbos",
        title="DBOS 3.4",
        engine="dbos",
        python=python,
        imports=("import dbos", "from dbos import DBOS"),
        hello=HELLO,
        variables=lambda home: {"DBOS_SYSTEM_DATABASE_URL": f"sqlite:///{home / 'hello.sqlite'}"},
        effort=PEER,
    )
