"""The kinds of artifacts: a class for each, which says how its data is kept."""

from __future__ import annotations

import asyncio
import os
from base64 import b64encode
from typing import Any, TypeAlias, TypedDict, Unpack
from uuid import UUID

from sluiceway.base.errors import InvalidOptionError
from sluiceway.base.pairs import paired_method
from sluiceway.client import Client, SyncClient
from sluiceway.client.orchestration import blocking
from sluiceway.client.schemas.actions import ArtifactCreate
from sluiceway.client.schemas.filters import ArtifactCollectionFilter, ArtifactFilterKey
from sluiceway.client.schemas.objects import Artifact as ArtifactResponse
from sluiceway.drivers import scope
from sluiceway.rules import keepsakes as rules

Table: TypeAlias = dict[str, list[Any]] | list[dict[str, Any]] | list[list[Any]]
"""Columns by name, or rows, of which each is a list or has values by name."""


class ArtifactParts(TypedDict, total=False):
    """What artifacts of all types have."""

    key: str | None
    type: str | None
    description: str | None
    data: Any
    metadata_: dict[str, str] | None
    flow_run_id: UUID | None
    task_run_id: UUID | None


class Artifact:
    """Something for people to look at. It is kept once `create` is called.

    Args:
        key: What its versions have in common: lower-case letters, digits and dashes; None for one without versions.
        type: What the data is.
        description: What it is for, in Markdown.
        data: The data, which JSON has to know.
        metadata_: What else goes with it, texts by name.
        flow_run_id: The flow run that it is of; by default the one whose code makes it.
        task_run_id: The task run that it is of; by default the one whose code makes it.

    Raises:
        InvalidNameError: The key is none.

    Example:
        ```python
        Artifact(key="figures", type="json", data={"rows": 7}).create()
        ```
    """

    usual_type: str | None = None
    """The type of an artifact that does not say otherwise."""

    def __init__(self, **parts: Unpack[ArtifactParts]) -> None:
        unknown = sorted(set(parts).difference(ArtifactParts.__annotations__))
        if unknown:
            raise TypeError(f"{type(self).__name__} takes no {', '.join(unknown)}.")
        self.key: str | None = parts.get("key")
        if self.key is not None:
            rules.check_key(self.key)
        self.type: str | None = parts.get("type", self.usual_type)
        self.description: str | None = parts.get("description")
        self.data: Any = parts.get("data")
        self.metadata_: dict[str, str] | None = parts.get("metadata_")
        self.flow_run_id: UUID | None = parts.get("flow_run_id")
        self.task_run_id: UUID | None = parts.get("task_run_id")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(key={self.key!r}, type={self.type!r})"

    async def acreate(self, client: Client | SyncClient | None = None) -> ArtifactResponse:
        """Keep it, and return what is kept; `create` for async code.

        Args:
            client: Says where to keep it; by default where this process records.
        """
        return self._create(client)

    @paired_method(acreate)
    def create(self, client: Client | SyncClient | None = None) -> ArtifactResponse:
        """Keep it, and return what is kept. It is a new version of its key, if it has one.

        Args:
            client: Says where to keep it; by default where this process records.

        Raises:
            InvalidOptionError: JSON does not know the data, or it is too large.
        """
        return self._create(client)

    @classmethod
    async def aget(cls, key: str | None = None, client: Client | SyncClient | None = None) -> ArtifactResponse | None:
        """Return the latest version of a key; `get` for async code.

        Args:
            key: The key.
            client: Says where to look; by default where this process records.
        """
        return await asyncio.to_thread(cls.get, key, client)

    @classmethod
    def get(cls, key: str | None = None, client: Client | SyncClient | None = None) -> ArtifactResponse | None:
        """Return the latest version of a key; None where there is none.

        Args:
            key: The key.
            client: Says where to look; by default where this process records.
        """
        if key is None:
            return None
        chosen = ArtifactCollectionFilter(key=ArtifactFilterKey(any_=[key]))
        found = client_of(client).read_latest_artifacts(artifact_filter=chosen, limit=1)
        return found[0] if found else None

    @classmethod
    async def aget_or_create(
        cls,
        key: str | None = None,
        description: str | None = None,
        data: dict[str, Any] | Any | None = None,
        client: Client | SyncClient | None = None,
        **kwargs: Any,
    ) -> tuple[ArtifactResponse, bool]:
        """Return the latest version of a key, or make the first one; `get_or_create` for async code.

        Args:
            key: The key.
            description: What it is for, if it is made.
            data: The data, if it is made.
            client: Says where to look and to keep it; by default where this process records.
            kwargs: What else it is made with.
        """
        return await asyncio.to_thread(cls.get_or_create, key, description, data, client, **kwargs)

    @classmethod
    def get_or_create(
        cls,
        key: str | None = None,
        description: str | None = None,
        data: dict[str, Any] | Any | None = None,
        client: Client | SyncClient | None = None,
        **kwargs: Any,
    ) -> tuple[ArtifactResponse, bool]:
        """Return the latest version of a key, or make the first one; and whether it was made.

        Args:
            key: The key.
            description: What it is for, if it is made.
            data: The data, if it is made.
            client: Says where to look and to keep it; by default where this process records.
            kwargs: What else it is made with.
        """
        found = cls.get(key, client)
        if found is not None:
            return found, False
        made = cls(key=key, description=description, data=data, **kwargs)
        return made.create(client), True

    async def aformat(self) -> str | float | int | dict[str, Any]:
        """Return the data as it is kept; `format` for async code."""
        return self._formatted()

    @paired_method(aformat)
    def format(self) -> str | float | int | dict[str, Any]:
        """Return the data as it is kept."""
        return self._formatted()

    def _formatted(self) -> str | float | int | dict[str, Any]:
        data: str | float | int | dict[str, Any] = self.data
        return data

    def _kept(self) -> Any:
        """Return the data as it goes into the journal."""
        return self._formatted()

    def _create(self, client: Client | SyncClient | None) -> ArtifactResponse:
        asked = ArtifactCreate(
            key=self.key,
            type=self.type,
            description=self.description,
            data=self._kept(),
            metadata_=self.metadata_,
            flow_run_id=self.flow_run_id,
            task_run_id=self.task_run_id,
        )
        return client_of(client).create_artifact(asked)


class LinkArtifact(Artifact):
    """A link.

    Args:
        link: Where it leads.
        link_text: What is shown; by default where it leads.
        parts: What artifacts of all types have, such as `key` and `description`.
    """

    usual_type: str | None = "markdown"

    def __init__(self, *, link: str, link_text: str | None = None, **parts: Unpack[ArtifactParts]) -> None:
        super().__init__(**parts)
        self.link: str = link
        self.link_text: str | None = link_text

    async def aformat(self) -> str:
        """Return the link in Markdown; `format` for async code."""
        return self._formatted()

    @paired_method(aformat)
    def format(self) -> str:
        """Return the link in Markdown."""
        return self._formatted()

    def _formatted(self) -> str:
        return rules.link_markdown(self.link, self.link_text)


class MarkdownArtifact(Artifact):
    """A text in Markdown.

    Args:
        markdown: The text.
        parts: What artifacts of all types have, such as `key` and `description`.
    """

    usual_type: str | None = "markdown"

    def __init__(self, *, markdown: str, **parts: Unpack[ArtifactParts]) -> None:
        super().__init__(**parts)
        self.markdown: str = markdown

    async def aformat(self) -> str:
        """Return the text; `format` for async code."""
        return self._formatted()

    @paired_method(aformat)
    def format(self) -> str:
        """Return the text."""
        return self._formatted()

    def _formatted(self) -> str:
        return self.markdown


class TableArtifact(Artifact):
    """A table.

    Args:
        table: Columns by name, or rows, of which each is a list or has values by name.
        parts: What artifacts of all types have, such as `key` and `description`.

    Raises:
        InvalidOptionError: It is no table.
    """

    usual_type: str | None = "table"

    def __init__(self, *, table: Table, **parts: Unpack[ArtifactParts]) -> None:
        super().__init__(**parts)
        self.table: Table = rules.table_of(table)

    async def aformat(self) -> str:
        """Return the table as a JSON text; `format` for async code."""
        return self._formatted()

    @paired_method(aformat)
    def format(self) -> str:
        """Return the table as a JSON text; what is no number, as NaN, is null."""
        return self._formatted()

    def _formatted(self) -> str:
        return rules.artifact_text(self.table) or "null"

    def _kept(self) -> Table:
        return self.table


class ProgressArtifact(Artifact):
    """How far something is.

    Args:
        progress: A percentage, from 0 to 100; one beyond these bounds is taken for the nearer one.
        parts: What artifacts of all types have, such as `key` and `description`.

    Raises:
        InvalidOptionError: It is no number.
    """

    usual_type: str | None = "progress"

    def __init__(self, *, progress: float, **parts: Unpack[ArtifactParts]) -> None:
        super().__init__(**parts)
        self.progress: float = rules.progress_of(progress)

    async def aformat(self) -> float:
        """Return the percentage; `format` for async code."""
        return self._formatted()

    @paired_method(aformat)
    def format(self) -> float:
        """Return the percentage."""
        return self._formatted()

    def _formatted(self) -> float:
        return self.progress


class ImageArtifact(Artifact):
    """An image, which is elsewhere or kept with its bytes.

    Args:
        image_url: The URL of the image; a `data:` URL, which holds it; or the path of a file, which is read.
        parts: What artifacts of all types have, such as `key` and `description`.

    Raises:
        InvalidOptionError: It is none of these, or of a type that is not shown, or too large.
    """

    usual_type: str | None = "image"

    def __init__(self, *, image_url: str, **parts: Unpack[ArtifactParts]) -> None:
        super().__init__(**parts)
        self.image_url: str = image_url if rules.is_url(image_url) else _held_image(image_url)

    async def aformat(self) -> str:
        """Return the URL of the image; `format` for async code."""
        return self._formatted()

    @paired_method(aformat)
    def format(self) -> str:
        """Return the URL of the image; a `data:` URL where its bytes are kept."""
        return self._formatted()

    def _formatted(self) -> str:
        return self.image_url


# --- behind the classes ------------------------------------------------------------------------------------


def client_of(client: Client | SyncClient | None) -> SyncClient:
    """Return a client over the journal that is meant: that of the run whose code asks, by default.

    Args:
        client: Says which one; None for the default.
    """
    if client is not None:
        return blocking(client)
    context = scope.current()
    return SyncClient(None if context is None else context.services)


def _held_image(image: str) -> str:
    """Return the `data:` URL of an image that is given as one, or as a file."""
    if image.startswith("data:"):
        if rules.image_in(image) is None:
            raise InvalidOptionError(
                f"{image[:60]}… holds no image that is shown. "
                f"Write data:TYPE;base64,BYTES, with one of the types {', '.join(_SHOWN)}."
            )
        return image
    kind = rules.IMAGE_TYPES.get(os.path.splitext(image)[1].lower())
    if kind is None:
        raise InvalidOptionError(
            f"{image!r} is neither a URL nor a file of an image that is shown, "
            f"whose name ends with one of {', '.join(rules.IMAGE_TYPES)}."
        )
    try:
        with open(image, "rb") as file:
            content = file.read(rules.MAX_IMAGE + 1)
    except OSError as error:
        raise InvalidOptionError(f"The image {image!r} cannot be read: {error.strerror}.") from error
    if len(content) > rules.MAX_IMAGE:
        raise InvalidOptionError(
            f"The image {image!r} has more than {rules.MAX_IMAGE:,} bytes. "
            "Make it smaller, or keep it elsewhere and pass its URL."
        )
    return f"data:{kind};base64,{b64encode(content).decode()}"


_SHOWN = sorted(set(rules.IMAGE_TYPES.values()))
