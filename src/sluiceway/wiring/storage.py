"""Result storage for the public files: the classes that users construct and subclass."""

from __future__ import annotations

from sluiceway.storage.filesystems import (
    LocalFileSystem,
    NullFileSystem,
    ReadableDeploymentStorage,
    ReadableFileSystem,
    RemoteFileSystem,
    WritableDeploymentStorage,
    WritableFileSystem,
)
from sluiceway.storage.json_objects import sluiceway_json_object_decoder, sluiceway_json_object_encoder
from sluiceway.storage.serializers import (
    CompressedJSONSerializer,
    CompressedPickleSerializer,
    CompressedSerializer,
    JSONSerializer,
    PickleSerializer,
    Serializer,
    resolve_serializer,
)

__all__ = [
    "CompressedJSONSerializer",
    "CompressedPickleSerializer",
    "CompressedSerializer",
    "JSONSerializer",
    "LocalFileSystem",
    "NullFileSystem",
    "PickleSerializer",
    "ReadableDeploymentStorage",
    "ReadableFileSystem",
    "RemoteFileSystem",
    "Serializer",
    "WritableDeploymentStorage",
    "WritableFileSystem",
    "resolve_serializer",
    "sluiceway_json_object_decoder",
    "sluiceway_json_object_encoder",
]
