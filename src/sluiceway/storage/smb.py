"""Folders on Windows and Samba shares."""

from __future__ import annotations

from sluiceway.base.errors import InvalidOptionError
from sluiceway.storage.filesystems import PUBLIC_MODULE, RemoteFileSystem


class SMB(RemoteFileSystem):
    """A folder on a share of Windows or Samba.

    Args:
        share_path: The share, and the folder in it: `results/nightly`.
        smb_username: Who connects.
        smb_password: The password.
        smb_host: The name or address of the machine.
        smb_port: Its port; 445 by default.

    Raises:
        InvalidOptionError: The path names no share.
    """

    def __init__(
        self,
        share_path: str,
        smb_username: str | None = None,
        smb_password: str | None = None,
        *,
        smb_host: str,
        smb_port: int | None = None,
    ) -> None:
        connection = {"username": smb_username, "password": smb_password, "host": smb_host, "port": smb_port}
        settings = {name: value for name, value in connection.items() if value is not None}
        if not share_path.strip("/"):
            raise InvalidOptionError(f"The path names no share: {share_path!r}.")
        super().__init__(f"smb://{smb_host}/{share_path.strip('/')}", settings)


SMB.__module__ = PUBLIC_MODULE
