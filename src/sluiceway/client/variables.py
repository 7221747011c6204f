"""The verbs of the client for variables, each written once for both colours."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from sluiceway.base import ids
from sluiceway.base.errors import ObjectAlreadyExists, ObjectNotFound
from sluiceway.client import translation
from sluiceway.client.colours import verb
from sluiceway.client.reading import bounded
from sluiceway.client.schemas.actions import VariableCreate, VariableUpdate
from sluiceway.client.schemas.objects import Variable
from sluiceway.model import keepsakes
from sluiceway.model.paging import walk
from sluiceway.ports.services import Services
from sluiceway.rules.keepsakes import check_tags, check_variable_name, value_text

if TYPE_CHECKING:  # filters are Pydantic models, which who reads without a filter need not import
    from sluiceway.client.schemas.filters import VariableFilter


class Varying:
    """Makes, reads, changes and deletes variables."""

    _services: Services

    @verb
    def create_variable(self, variable: VariableCreate, *, overwrite: bool = False) -> Variable:
        """Make a variable, and return it.

        Args:
            variable: What it is to be.
            overwrite: Whether to change the one that there is, if any.

        Raises:
            InvalidNameError: The name is none.
            InvalidOptionError: JSON does not know the value, or it is too large, or a tag is no text.
            ObjectAlreadyExists: There is one of that name, and it is not to be changed.
        """
        check_variable_name(variable.name)
        now, tags = self._services.clock.now(), check_tags(variable.tags)
        made = keepsakes.Variable(ids.new_id(), variable.name, value_text(variable.value), tags, now, now)
        if not self._services.store.write_variable(made, overwrite=overwrite):
            raise ObjectAlreadyExists(f"There is a variable with the name {variable.name!r} already.")
        found = self._services.store.read_variable(variable.name)
        return Variable.from_kept(made if found is None else found)

    @verb
    def read_variable_by_name(self, name: str) -> Variable | None:
        """Return a variable; None where there is none of that name.

        Args:
            name: The name of the variable.
        """
        found = self._services.store.read_variable(name)
        return None if found is None else Variable.from_kept(found)

    @verb
    def read_variables(
        self, *, variable_filter: VariableFilter | None = None, limit: int | None = None, offset: int = 0
    ) -> list[Variable]:
        """Return variables by name.

        Args:
            variable_filter: Which variables.
            limit: How many at most, up to 10,000; 200 by default.
            offset: How many to pass over.

        Raises:
            ValueError: A limit or offset is out of range.
        """
        limit = bounded(limit, offset)
        store, query = self._services.store, translation.variable_query(variable_filter)
        found = walk(lambda after: store.read_variables(query, after=after))
        return [Variable.from_kept(variable) for variable in islice(found, offset, offset + limit)]

    @verb
    def update_variable(self, variable: VariableUpdate) -> None:
        """Change a variable.

        Args:
            variable: Which one, and what it is to be.

        Raises:
            InvalidOptionError: JSON does not know the value, or it is too large, or a tag is no text.
            ObjectNotFound: There is no such variable.
        """
        store = self._services.store
        found = store.read_variable(variable.name)
        if found is None:
            raise _unknown(variable.name)
        tags = found.tags if variable.tags is None else check_tags(variable.tags)
        changed = found._replace(value=value_text(variable.value), tags=tags, updated=self._services.clock.now())
        store.write_variable(changed, overwrite=True)

    @verb
    def delete_variable_by_name(self, name: str) -> bool:
        """Delete a variable, and return whether there was one.

        Args:
            name: The name of the variable.
        """
        return self._services.store.delete_variable(name)


def _unknown(name: str) -> ObjectNotFound:
    return ObjectNotFound(f"There is no variable with the name {name!r}.")
