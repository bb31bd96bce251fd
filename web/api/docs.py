"""The API's docs page: Swagger UI from this server's own files, under a policy that allows its one inline script."""

from __future__ import annotations

from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import Response

from web.server.headers import content_policy

_FILES = "/static-offline-docs"  # where fastapi-offline mounts them


async def docs(request: Request) -> Response:
    """The page. Its script contains the path at which the API is mounted, so the script is hashed for each request."""
    root = request.scope.get("root_path", "")
    page = get_swagger_ui_html(
        openapi_url=f"{root}/openapi.json",
        title="image-classifier API",
        swagger_js_url=f"{root}{_FILES}/swagger-ui-bundle.js",
        swagger_css_url=f"{root}{_FILES}/swagger-ui.css",
        swagger_favicon_url=f"{root}{_FILES}/favicon.png",
    )
    page.headers["Content-Security-Policy"] = content_policy(bytes(page.body).decode())
    return page
