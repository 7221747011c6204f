"""The JSON schema of what a function takes, as its annotations and defaults tell it.

Forms are made of it, by whoever does not have the function. So it is made with what is at hand: a parameter of which
no schema can be made takes anything, and a default that JSON cannot carry is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sluiceway.base.signatures import Signature

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic.json_schema import JsonSchemaMode, JsonSchemaWarningKind

LARGEST = 65_536
"""Characters of a schema that is kept whole. A page or a listing of flows reads it, and no form can be larger."""

_PLAIN = (str, int, float, bool, list, dict, type(None))


def parameter_schema(signature: Signature, adapters: Mapping[str, TypeAdapter[Any]]) -> str:
    """Return the JSON schema of an object that has the parameters of a function, as a text.

    Args:
        signature: The signature of the function. What is gathered by `*` and `**` is left out.
        adapters: What validates parameters, by name; those that are not there take anything.
    """
    properties, definitions = _schemas_of(adapters)
    names = (*signature.positional, *signature.keyword_only)
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: properties.get(name, {}) for name in names},
        "required": [name for name in names if name not in signature.defaults],
    }
    if definitions:
        schema["$defs"] = definitions
    defaults = {name: signature.defaults[name] for name in names if name in signature.defaults}
    told = {name: plain for name, value in defaults.items() if (plain := _plain(value, adapters.get(name)))}
    for name, (value,) in told.items():
        schema["properties"][name] = {**schema["properties"][name], "default": value}
    text = _text(schema)
    if len(text) > LARGEST:
        text = _text({**schema, "properties": {name: {} for name in names}, "$defs": {}})
    return text


def _schemas_of(adapters: Mapping[str, TypeAdapter[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the schemas of parameters by name, and what they refer to."""
    if not adapters:
        return {}, {}
    from pydantic import TypeAdapter  # lazy: 90 ms; it is there, for the adapters are
    from pydantic.json_schema import GenerateJsonSchema

    class Quietly(GenerateJsonSchema):
        """Leaves out what JSON cannot carry, such as the default of a field, without a warning to the user."""

        def emit_warning(self, kind: JsonSchemaWarningKind, detail: str) -> None:
            """Tell nobody: the user has asked for no schema."""

    def schemas(names: Iterable[str]) -> tuple[dict[str, Any], dict[str, Any]]:
        asked: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]]
        asked = [(name, "validation", adapters[name]) for name in names]
        found, rest = TypeAdapter.json_schemas(asked, schema_generator=Quietly)
        return {name: schema for (name, _), schema in found.items()}, rest.get("$defs", {})

    def has_schema(name: str) -> bool:
        try:
            schemas([name])
        except Exception:  # classes of the user may raise anything
            return False
        return True

    try:
        return schemas(adapters)
    except Exception:  # as above; of a class that is checked by `isinstance` alone there is no schema, for one
        return schemas(filter(has_schema, adapters))


def _plain(value: Any, adapter: TypeAdapter[Any] | None) -> tuple[Any] | None:
    """Return a default as JSON has it; None where what a form sends back would not be the default again."""
    try:
        plain = value
        if adapter is not None:
            plain = adapter.dump_python(value, mode="json", warnings=False)
        elif not isinstance(value, _PLAIN):
            return None
        back = json.loads(json.dumps(plain, allow_nan=False))
        if adapter is not None:
            back = adapter.validate_python(back)
        return (plain,) if type(back) is type(value) and back == value else None
    except Exception:  # classes of the user may raise anything; such a default is known to the code alone
        return None


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, separators=(",", ":"), default=repr)
