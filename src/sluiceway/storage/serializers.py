"""Serializers: how values become bytes, and values again."""

from __future__ import annotations

from importlib import import_module
from typing import Any, ClassVar, Generic, TypeVar

from sluiceway.base.errors import InvalidOptionError, SerializationError
from sluiceway.storage import pickling

D = TypeVar("D")
"""The type of the values."""

PUBLIC_MODULE = "sluiceway.serializers"

_OBJECT_ENCODER = f"{PUBLIC_MODULE}.sluiceway_json_object_encoder"
_OBJECT_DECODER = f"{PUBLIC_MODULE}.sluiceway_json_object_decoder"


class Serializer(Generic[D]):
    """Turns values into bytes and back; subclass it for one of your own, which is then known by its `type`.

    Options are the annotated attributes of the class, and arguments by their names.

    Args:
        options: The options.

    Raises:
        InvalidOptionError: There is no such option, or one is missing.

    Example:
        ```python
        class TextSerializer(Serializer[str]):
            type = "text"
            encoding: str = "utf-8"

            def dumps(self, obj: str) -> bytes:
                return obj.encode(self.encoding)

            def loads(self, blob: bytes) -> str:
                return blob.decode(self.encoding)

        @task(result_serializer="text")
        def greeting() -> str: ...
        ```
    """

    type: str = ""
    """The name that it goes by in options."""

    _by_type: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "type" not in vars(cls):
            cls.type = f"{cls.__module__}.{cls.__qualname__}"
        if cls.__module__ == __name__:
            cls.__module__ = PUBLIC_MODULE
        Serializer._by_type[cls.type] = cls

    def __init__(self, **options: Any) -> None:
        known = self._options()
        for name in options:
            if name not in known:
                raise InvalidOptionError(
                    f"{type(self).__name__} has no option {name!r}; it has: {', '.join(known) or 'none'}."
                )
        vars(self).update(options)
        for name in known:
            if not hasattr(self, name):
                raise InvalidOptionError(f"{type(self).__name__} needs the option {name!r}.")

    def dumps(self, obj: D) -> bytes:
        """Return the bytes of a value.

        Args:
            obj: The value.

        Raises:
            SerializationError: It has none; the message names its type and a remedy.
        """
        raise InvalidOptionError(f"{type(self).__name__} cannot make bytes: write its method `dumps`.")

    def loads(self, blob: bytes) -> D:
        """Return the value of bytes.

        Args:
            blob: What `dumps` made.

        Raises:
            SerializationError: They are damaged, or refer to code that is not at hand.
        """
        raise InvalidOptionError(f"{type(self).__name__} cannot read bytes: write its method `loads`.")

    @property
    def label(self) -> str:
        """What is written beside stored results; `resolve_serializer` makes an equal reader of it.

        Raises:
            SerializationError: An option cannot be written down.
        """
        options = self._options_to_read()
        if not options:
            return self.type
        import json  # heavy, and most serializers have their usual options

        try:
            return f"{self.type} {json.dumps(options, sort_keys=True)}"
        except TypeError as error:
            raise SerializationError(f"The options of {self!r} cannot be written down: {error}.") from None

    def _options_to_read(self) -> dict[str, Any]:
        """Return the options that another process needs to read what this one wrote."""
        return {name: value for name, value in self._given().items() if value != getattr(type(self), name, ...)}

    def _given(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._options()}

    @classmethod
    def _options(cls) -> tuple[str, ...]:
        annotated = {name for base in cls.__mro__ for name in getattr(base, "__annotations__", ())}
        return tuple(sorted(name for name in annotated if name != "type" and not name.startswith("_")))

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._given() == self._given()

    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # compared by value, and options need not be hashable

    def __repr__(self) -> str:
        options = {"type": self.type, **self._given()}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in options.items())})"


Serializer.__module__ = PUBLIC_MODULE


class PickleSerializer(Serializer[D]):
    """Pickles values: nearly everything that Python has, functions and classes of a script included.

    Args:
        picklelib: The module that pickles. The default, `cloudpickle`, is imported only for values that the
            standard `pickle` does not take, such as objects of classes that a script defines.
        picklelib_version: The version of it that has to be installed; None for any.

    Raises:
        InvalidOptionError: There is no such module, or another version of it.
    """

    type = "pickle"
    picklelib: str
    picklelib_version: str | None

    def __init__(self, *, picklelib: str = "cloudpickle", picklelib_version: str | None = None) -> None:
        super().__init__(picklelib=picklelib, picklelib_version=picklelib_version)
        if picklelib != "cloudpickle":
            _library(picklelib, "picklelib", ("dumps", "loads"))
        if picklelib_version is not None:
            installed = getattr(_library(picklelib, "picklelib"), "__version__", "one without a version")
            if installed != picklelib_version:
                raise InvalidOptionError(f"{picklelib} {picklelib_version} is asked for, but {installed} is installed.")

    def dumps(self, obj: D) -> bytes:
        """Return the pickle of a value.

        Args:
            obj: The value.

        Raises:
            SerializationError: It cannot be pickled; the message names its type and a remedy.
        """
        if self.picklelib == "cloudpickle":
            return pickling.dumps(obj)
        try:
            pickled: bytes = _library(self.picklelib, "picklelib").dumps(obj)
        except Exception as error:
            raise pickling.refusal(obj, self.picklelib, error) from error
        return pickled

    def loads(self, blob: bytes) -> D:
        """Return the value of a pickle.

        Args:
            blob: The pickle.

        Raises:
            SerializationError: It is damaged, or refers to code that is not at hand.
        """
        if self.picklelib == "cloudpickle":
            return pickling.loads(blob)  # type: ignore[no-any-return]  # whatever was pickled
        return pickling.loads(blob, _library(self.picklelib, "picklelib").loads)  # type: ignore[no-any-return]

    def _options_to_read(self) -> dict[str, Any]:
        return {} if self.picklelib == "cloudpickle" else {"picklelib": self.picklelib}


class JSONSerializer(Serializer[D]):
    """Writes values as JSON: plain data, and with the default encoder much else; see the how-to on results.

    Tuples come back as lists and keys of dicts as texts, since JSON knows nothing else.

    Args:
        jsonlib: The module that reads and writes JSON.
        object_encoder: The dotted name of a function that returns plain data for an object; None for none.
        object_decoder: The dotted name of a function that is called with each JSON object and returns what it
            stands for; None for none.
        dumps_kwargs: More arguments for `dumps` of the module.
        loads_kwargs: More arguments for `loads` of the module.

    Raises:
        InvalidOptionError: There is no such module, or the arguments say what the encoder or decoder says.
    """

    type = "json"
    jsonlib: str
    object_encoder: str | None
    object_decoder: str | None
    dumps_kwargs: dict[str, Any]
    loads_kwargs: dict[str, Any]

    def __init__(
        self,
        *,
        jsonlib: str = "json",
        object_encoder: str | None = _OBJECT_ENCODER,
        object_decoder: str | None = _OBJECT_DECODER,
        dumps_kwargs: dict[str, Any] | None = None,
        loads_kwargs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(
            jsonlib=jsonlib,
            object_encoder=object_encoder,
            object_decoder=object_decoder,
            dumps_kwargs=dumps_kwargs or {},
            loads_kwargs=loads_kwargs or {},
        )
        _library(jsonlib, "jsonlib", ("dumps", "loads"))
        if "default" in self.dumps_kwargs:
            raise InvalidOptionError("dumps_kwargs must not contain 'default'; use object_encoder instead.")
        if "object_hook" in self.loads_kwargs:
            raise InvalidOptionError("loads_kwargs must not contain 'object_hook'; use object_decoder instead.")

    def dumps(self, obj: D) -> bytes:
        """Return a value as JSON, in UTF-8.

        Args:
            obj: The value.

        Raises:
            SerializationError: JSON cannot hold it; the message names its type and a remedy.
        """
        options = dict(self.dumps_kwargs)
        try:
            if self.object_encoder is not None:
                options["default"] = _function(self.object_encoder, "object_encoder")
            text: str | bytes = _library(self.jsonlib, "jsonlib").dumps(obj, **options)
        except Exception as error:
            raise pickling.refusal(obj, self.type, error) from error
        return text.encode() if isinstance(text, str) else text

    def loads(self, blob: bytes) -> D:
        """Return the value of JSON.

        Args:
            blob: The JSON.

        Raises:
            SerializationError: It is damaged, or names a class that is not at hand.
        """
        options = dict(self.loads_kwargs)
        try:
            if self.object_decoder is not None:
                options["object_hook"] = _function(self.object_decoder, "object_decoder")
            value: D = _library(self.jsonlib, "jsonlib").loads(blob.decode(), **options)
        except Exception as error:
            raise SerializationError(f"The JSON cannot be read ({error}).") from error
        return value

    def _options_to_read(self) -> dict[str, Any]:
        usual = {"jsonlib": "json", "object_decoder": _OBJECT_DECODER, "loads_kwargs": {}}
        return {name: getattr(self, name) for name, value in usual.items() if getattr(self, name) != value}


class CompressedSerializer(Serializer[D]):
    """Compresses what another serializer writes.

    Args:
        serializer: The other serializer, or its name.
        compressionlib: The module that compresses: `lzma`, `zlib`, `gzip`, `bz2`, or another with `compress`
            and `decompress`.

    Raises:
        InvalidOptionError: There is no such serializer or module.
    """

    type = "compressed"
    serializer: Serializer[D]
    compressionlib: str

    def __init__(self, *, serializer: Serializer[D] | str, compressionlib: str = "lzma") -> None:
        super().__init__(serializer=resolve_serializer(serializer), compressionlib=compressionlib)
        _library(compressionlib, "compressionlib", ("compress", "decompress"))

    def dumps(self, obj: D) -> bytes:
        """Return the compressed bytes of a value.

        Args:
            obj: The value.

        Raises:
            SerializationError: The other serializer does not take it.
        """
        compressed: bytes = _library(self.compressionlib, "compressionlib").compress(self.serializer.dumps(obj))
        return compressed

    def loads(self, blob: bytes) -> D:
        """Return the value of compressed bytes.

        Args:
            blob: The compressed bytes.

        Raises:
            SerializationError: They are damaged, or refer to code that is not at hand.
        """
        try:
            plain = _library(self.compressionlib, "compressionlib").decompress(blob)
        except Exception as error:
            raise SerializationError(f"The bytes cannot be decompressed ({error}).") from error
        return self.serializer.loads(plain)

    def _options_to_read(self) -> dict[str, Any]:
        options: dict[str, Any] = {} if self.compressionlib == "lzma" else {"compressionlib": self.compressionlib}
        inner = self.serializer.label
        return options if self.type == f"compressed/{inner}" else {"serializer": inner, **options}


class CompressedPickleSerializer(CompressedSerializer[D]):
    """Compresses pickles.

    Args:
        serializer: How to pickle.
        compressionlib: The module that compresses.
    """

    type = "compressed/pickle"

    def __init__(self, *, serializer: Serializer[D] | str = "pickle", compressionlib: str = "lzma") -> None:
        super().__init__(serializer=serializer, compressionlib=compressionlib)


class CompressedJSONSerializer(CompressedSerializer[D]):
    """Compresses JSON.

    Args:
        serializer: How to write JSON.
        compressionlib: The module that compresses.
    """

    type = "compressed/json"

    def __init__(self, *, serializer: Serializer[D] | str = "json", compressionlib: str = "lzma") -> None:
        super().__init__(serializer=serializer, compressionlib=compressionlib)


def resolve_serializer(serializer: Serializer[Any] | str) -> Serializer[Any]:
    """Return the serializer that an option stands for.

    Args:
        serializer: A serializer, its name such as `compressed/json`, or its label.

    Raises:
        InvalidOptionError: There is none of such a name.
    """
    if isinstance(serializer, Serializer):
        return serializer
    known = ", ".join(sorted(Serializer._by_type))
    if not isinstance(serializer, str):
        kind = type(serializer).__name__  # type: ignore[unreachable]  # for callers without a type checker
        raise InvalidOptionError(f"A serializer must be one, or the name of one ({known}), not a {kind}.")
    name, _, options = serializer.partition(" ")
    cls = Serializer._by_type.get(name)
    if cls is None:
        raise InvalidOptionError(
            f"There is no serializer {name!r}; there are: {known}. "
            "One of your own is known once the module that defines it is imported."
        )
    if not options:
        return cls()  # type: ignore[no-any-return]  # the registry holds classes of any values
    import json  # heavy, and most serializers have their usual options

    return cls(**json.loads(options))  # type: ignore[no-any-return]


def _library(name: str, option: str, needed: tuple[str, ...] = ()) -> Any:
    """Return the module that an option names."""
    try:
        library = import_module(name)
    except (ImportError, ValueError, TypeError) as error:  # the latter for names that are none, such as "" and ".json"
        raise InvalidOptionError(f"{option} {name!r} cannot be imported ({error}); is it installed?") from error
    for function in needed:
        if not hasattr(library, function):
            raise InvalidOptionError(f"{option} {name!r} has no function {function!r}.")
    return library


def _function(name: str, option: str) -> Any:
    """Return the function that an option names."""
    module, _, function = name.rpartition(".")
    return getattr(_library(module, option, (function,)), function)
