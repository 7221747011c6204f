"""Everything that Sluiceway raises; all errors derive from `SluicewayError`."""

from sluiceway.base.errors import *  # noqa: F403 - the error tree is the contents of this page
