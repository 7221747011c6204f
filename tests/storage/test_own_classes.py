"""Our own classes stay the same classes when they are pickled, whatever has been imported by then."""

from __future__ import annotations

import subprocess
import sys

import pytest

PICKLES = """
import sys
from sluiceway.model.states import StateType
from sluiceway.storage.pickling import dumps
assert "sluiceway.states" not in sys.modules  # the module that the class says it is in
class OfTheScript: pass  # has to be pickled by value
sys.stdout.buffer.write(dumps([OfTheScript(), StateType.COMPLETED]))
"""

LOADS = """
import pickle, sys
other, kind = pickle.loads(sys.stdin.buffer.read())
from sluiceway.states import StateType
assert type(other).__name__ == "OfTheScript"
sys.exit(kind is not StateType.COMPLETED)
"""


@pytest.mark.slow
def test_a_class_of_ours_is_the_same_in_the_process_that_loads_it() -> None:
    pickled = subprocess.run([sys.executable, "-c", PICKLES], stdout=subprocess.PIPE, check=True, timeout=60).stdout
    loaded = subprocess.run([sys.executable, "-c", LOADS], input=pickled, check=False, timeout=60)
    assert loaded.returncode == 0
