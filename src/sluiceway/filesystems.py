"""File systems: folders, here or elsewhere, that results are kept in; see `result_storage` of tasks."""

from __future__ import annotations

from sluiceway.wiring.storage import (
    SMB,
    LocalFileSystem,
    NullFileSystem,
    ReadableDeploymentStorage,
    ReadableFileSystem,
    RemoteFileSystem,
    WritableDeploymentStorage,
    WritableFileSystem,
)

__all__ = [
    "SMB",
    "LocalFileSystem",
    "NullFileSystem",
    "ReadableDeploymentStorage",
    "ReadableFileSystem",
    "RemoteFileSystem",
    "WritableDeploymentStorage",
    "WritableFileSystem",
]
