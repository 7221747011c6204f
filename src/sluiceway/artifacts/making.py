"""Making an artifact in a single call, in blocking code and in async code."""

from __future__ import annotations

import asyncio
from uuid import UUID

from sluiceway.artifacts.kinds import (
    ImageArtifact,
    LinkArtifact,
    MarkdownArtifact,
    ProgressArtifact,
    Table,
    TableArtifact,
    client_of,
)
from sluiceway.base.pairs import paired
from sluiceway.client import Client, SyncClient
from sluiceway.client.schemas.actions import ArtifactUpdate
from sluiceway.rules.keepsakes import progress_of


async def acreate_link_artifact(
    link: str,
    link_text: str | None = None,
    key: str | None = None,
    description: str | None = None,
    client: Client | SyncClient | None = None,
) -> UUID:
    """Keep a link for people to follow; `create_link_artifact` for async code.

    Args:
        link: Where it leads.
        link_text: What is shown; by default where it leads.
        key: What its versions have in common: lower-case letters, digits and dashes; None for one without versions.
        description: What it is for, in Markdown.
        client: Says where to keep it; by default where this process records.
    """
    return create_link_artifact(link, link_text, key, description, client)


@paired(acreate_link_artifact)
def create_link_artifact(
    link: str,
    link_text: str | None = None,
    key: str | None = None,
    description: str | None = None,
    client: Client | SyncClient | None = None,
) -> UUID:
    """Keep a link for people to follow, and return the identifier of the artifact.

    Args:
        link: Where it leads.
        link_text: What is shown; by default where it leads.
        key: What its versions have in common: lower-case letters, digits and dashes; None for one without versions.
        description: What it is for, in Markdown.
        client: Says where to keep it; by default where this process records.

    Raises:
        InvalidNameError: The key is none.

    Example:
        ```python
        create_link_artifact("https://example.org/report", "The report", key="report")
        ```
    """
    return LinkArtifact(link=link, link_text=link_text, key=key, description=description).create(client).id


async def acreate_markdown_artifact(markdown: str, key: str | None = None, description: str | None = None) -> UUID:
    """Keep a text in Markdown for people to read; `create_markdown_artifact` for async code.

    Args:
        markdown: The text.
        key: What its versions have in common: lower-case letters, digits and dashes; None for one without versions.
        description: What it is for, in Markdown.
    """
    return create_markdown_artifact(markdown, key, description)


@paired(acreate_markdown_artifact)
def create_markdown_artifact(markdown: str, key: str | None = None, description: str | None = None) -> UUID:
    """Keep a text in Markdown for people to read, and return the identifier of the artifact.

    Args:
        markdown: The text.
        key: What its versions have in common: lower-case letters, digits and dashes; None for one without versions.
        description: What it is for, in Markdown.

    Raises:
        InvalidNameError: The key is none.
        InvalidOptionError: The text is too large.

    Example:
        ```python
        create_markdown_artifact("# Rows by day", key="report")
        ```
    """
    return MarkdownArtifact(markdown=markdown, key=key, description=description).create().id


async def acreate_table_artifact(table: Table, key: str | None = None, description: str | None = None) -> UUID:
    """Keep a table for people to read; `create_table_artifact` for async code.

    Args:
        table: Columns by name, or rows, of which each is a list or has values by name.
        key: What its versions have in common: lower-case letters, digits and dashes; None for one without versions.
        description: What it is for, in Markdown.
    """
    return create_table_artifact(table, key, description)


@paired(acreate_table_artifact)
def create_table_artifact(table: Table, key: str | None = None, description: str | None = None) -> UUID:
    """Keep a table for people to read, and return the identifier of the artifact.

    Args:
        table: Columns by name, or rows, of which each is a list or has values by name.
        key: What its versions have in common: lower-case letters, digits and dashes; None for one without versions.
        description: What it is for, in Markdown.

    Raises:
        InvalidNameError: The key is none.
        InvalidOptionError: It is no table, JSON does not know a value in it, or it is too large.

    Example:
        ```python
        create_table_artifact([{"day": 1, "rows": 70}, {"day": 2, "rows": 81}], key="rows-by-day")
        ```
    """
    return TableArtifact(table=table, key=key, description=description).create().id


async def acreate_progress_artifact(progress: float, key: str | None = None, description: str | None = None) -> UUID:
    """Keep how far something is; `create_progress_artifact` for async code.

    Args:
        progress: A percentage, from 0 to 100.
        key: What its versions have in common: lower-case letters, digits and dashes; None for one without versions.
        description: What it is for, in Markdown.
    """
    return create_progress_artifact(progress, key, description)


@paired(acreate_progress_artifact)
def create_progress_artifact(progress: float, key: str | None = None, description: str | None = None) -> UUID:
    """Keep how far something is, and return the identifier of the artifact, for `update_progress_artifact`.

    Args:
        progress: A percentage, from 0 to 100.
        key: What its versions have in common: lower-case letters, digits and dashes; None for one without versions.
        description: What it is for, in Markdown.

    Raises:
        InvalidNameError: The key is none.
        InvalidOptionError: The progress is no number.

    Example:
        ```python
        bar = create_progress_artifact(0, description="Pages read")
        for number, page in enumerate(pages, start=1):
            read(page)
            update_progress_artifact(bar, 100 * number / len(pages))
        ```
    """
    return ProgressArtifact(progress=progress, key=key, description=description).create().id


async def aupdate_progress_artifact(
    artifact_id: UUID, progress: float, description: str | None = None, client: Client | SyncClient | None = None
) -> UUID:
    """Say how far something is by now; `update_progress_artifact` for async code.

    Args:
        artifact_id: The artifact.
        progress: A percentage, from 0 to 100.
        description: What it is for from now on; None to leave that.
        client: Says where it is kept; by default where this process records.
    """
    return await asyncio.to_thread(update_progress_artifact, artifact_id, progress, description, client)


@paired(aupdate_progress_artifact)
def update_progress_artifact(
    artifact_id: UUID, progress: float, description: str | None = None, client: Client | SyncClient | None = None
) -> UUID:
    """Say how far something is by now, and return the identifier of the artifact. It is no new version.

    Args:
        artifact_id: The artifact, as `create_progress_artifact` returned it.
        progress: A percentage, from 0 to 100.
        description: What it is for from now on; None to leave that.
        client: Says where it is kept; by default where this process records.

    Raises:
        InvalidOptionError: The progress is no number, or the artifact is of another type.
        ObjectNotFound: There is no such artifact.
    """
    change = ArtifactUpdate(data=progress_of(progress), description=description, type="progress")
    client_of(client).update_artifact(artifact_id, change)
    return artifact_id


async def acreate_image_artifact(image_url: str, key: str | None = None, description: str | None = None) -> UUID:
    """Keep an image for people to see; `create_image_artifact` for async code.

    Args:
        image_url: The URL of the image; a `data:` URL, which holds it; or the path of a file, which is read.
        key: What its versions have in common: lower-case letters, digits and dashes; None for one without versions.
        description: What it shows, in Markdown.
    """
    return await asyncio.to_thread(create_image_artifact, image_url, key, description)


@paired(acreate_image_artifact)
def create_image_artifact(image_url: str, key: str | None = None, description: str | None = None) -> UUID:
    """Keep an image for people to see, and return the identifier of the artifact.

    An image of a file is kept with its bytes, 3 MiB at most. One with a URL stays where it is.

    Args:
        image_url: The URL of the image; a `data:` URL, which holds it; or the path of a file, which is read.
        key: What its versions have in common: lower-case letters, digits and dashes; None for one without versions.
        description: What it shows, in Markdown.

    Raises:
        InvalidNameError: The key is none.
        InvalidOptionError: It is no URL and no file, or of a type that is not shown, or too large.

    Example:
        ```python
        create_image_artifact("plots/rows.svg", key="rows-by-day", description="Rows by day")
        ```
    """
    return ImageArtifact(image_url=image_url, key=key, description=description).create().id
