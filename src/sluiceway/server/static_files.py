"""The files that pages load, with what browsers may keep of them."""

from __future__ import annotations

import os

from starlette.datastructures import QueryParams
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOR_EVER = "public, max-age=31536000, immutable"
"""For an address that names the version of the file: `?v=…`."""

ASK_FIRST = "no-cache"
"""For others: kept, but the server is asked whether it has changed."""


class CachedFiles(StaticFiles):
    """Files of a folder; nothing outside it is ever served."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Return the answer that has a file in it.

        Args:
            full_path: The file.
            stat_result: What the system says of it.
            scope: The request.
            status_code: The status of the answer.
        """
        response = super().file_response(full_path, stat_result, scope, status_code)
        versioned = "v" in QueryParams(scope["query_string"])
        response.headers["cache-control"] = FOR_EVER if versioned else ASK_FIRST
        return response
