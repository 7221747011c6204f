"""Result storage for the public files: the classes that users construct and subclass."""

from __future__ import annotations

from sluiceway.storage.filed import ResultGone, read_record
from sluiceway.storage.filesystems import (
    LocalFileSystem,
    NullFileSystem,
    ReadableDeploymentStorage,
    ReadableFileSystem,
    RemoteFileSystem,
    WritableDeploymentStorage,
    WritableFileSystem,
    in_thread,
)
from sluiceway.storage.json_objects import sluiceway_json_object_decoder, sluiceway_json_object_encoder
from sluiceway.storage.kept import ResultRecord, ResultRecordMetadata
from sluiceway.storage.places import Place, place_of
from sluiceway.storage.recent import Recent
from sluiceway.storage.records import Record
from sluiceway.storage.serializers import (
    CompressedJSONSerializer,
    CompressedPickleSerializer,
    CompressedSerializer,
    JSONSerializer,
    PickleSerializer,
    Serializer,
    resolve_serializer,
)
from sluiceway.storage.smb import SMB

__all__ = [
    "SMB",
    "CompressedJSONSerializer",
    "CompressedPickleSerializer",
    "CompressedSerializer",
    "JSONSerializer",
    "LocalFileSystem",
    "NullFileSystem",
    "PickleSerializer",
    "Place",
    "ReadableDeploymentStorage",
    "ReadableFileSystem",
    "Recent",
    "Record",
    "RemoteFileSystem",
    "ResultGone",
    "ResultRecord",
    "ResultRecordMetadata",
    "Serializer",
    "WritableDeploymentStorage",
    "WritableFileSystem",
    "in_thread",
    "place_of",
    "read_record",
    "resolve_serializer",
    "sluiceway_json_object_decoder",
    "sluiceway_json_object_encoder",
]
