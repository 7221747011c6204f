"""Names: generated ones for runs, and the rule for those that users give."""

from __future__ import annotations

from sluiceway.base.errors import InvalidNameError
from sluiceway.base.ids import RunId

BANNED_CHARACTERS = frozenset("/%&><")
"""Characters that names of flows may not contain, since they are parts of addresses. Those of tasks are not."""

_QUALITIES = (
    "able agile amber apt arctic azure bold brave brisk bright calm candid clear clever coral cosmic crisp "
    "curious daring deft eager early easy fair famous fine fleet fond frank fresh gentle glad golden good "
    "grand green happy hardy honest humble ivory jolly keen kind light lively loyal lucid lucky lunar "
    "mellow merry mighty modest neat nimble noble olive patient placid plucky polite prime proud quick "
    "quiet rapid ready robust rosy royal ruby rustic sage sharp shiny silent silver smart snug solar solid "
    "spry stable steady still stout sturdy subtle sunny sure swift tidy true upbeat valid velvet vivid warm "
    "wise witty young zesty"
).split()

_CREATURES = (
    "alpaca ant auk avocet badger bat bear beaver bee bison bittern boar brant bream bunting buzzard carp "
    "cat civet cod coot coral crab crane cricket crow curlew deer dingo dipper dog dolphin dove duck eagle "
    "eel egret eider elk ermine falcon ferret finch fox frog gannet gecko gibbon gnu goat goose grebe grouse "
    "gull hare hawk heron hoopoe horse hound ibex ibis jackdaw jay kestrel kite koala lark lemur leopard "
    "linnet lion lizard llama loon lynx magpie marlin marten martin merlin mink mole moose moth mouse newt "
    "ocelot octopus orca oriole osprey otter owl ox oyster panda parrot pelican perch petrel pigeon pike "
    "pipit plover pony puffin puma quail rabbit raven redwing robin rook sable salmon seal shrew skua skylark "
    "sloth snail snipe sparrow squid starling stoat stork swallow swan swift tapir teal tern thrush tiger toad "
    "trout tuna turtle vole walrus warbler weasel whale wigeon wolf wombat wren yak zebra"
).split()


def run_name(run_id: RunId) -> str:
    """Return a name that is easy to say for a run, such as `brisk-otter`; the same one for the same run.

    Args:
        run_id: The identifier of the run, from whose counting bits the words are chosen.
    """
    seed = int.from_bytes(run_id[8:14], "big") * 0x9E3779B97F4A7C15 >> 20
    quality = _QUALITIES[seed % len(_QUALITIES)]
    return f"{quality}-{_CREATURES[(seed >> 16) % len(_CREATURES)]}"


def check_name(name: object, what: str, banned: frozenset[str] = BANNED_CHARACTERS) -> str:
    """Return the name if it may be one.

    Args:
        name: The name that a user gave.
        what: What it is to name, for the message.
        banned: Characters that it may not contain.

    Raises:
        InvalidNameError: It is empty, no text, or contains a banned character.
    """
    if not isinstance(name, str):
        raise InvalidNameError(f"{what} must be a text, not {name!r} ({type(name).__name__}).")
    if not name.strip():
        raise InvalidNameError(f"{what} must not be empty.")
    found = sorted(banned.intersection(name))
    if found:
        raise InvalidNameError(f"{what} {name!r} contains {' '.join(found)}; leave out / % & > <.")
    return name
