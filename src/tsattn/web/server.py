"""HTTP: the page, the files of runs, and runs that are dropped on the page."""

from __future__ import annotations

import os
import re
import socket
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsattn.errors import TsattnError
from tsattn.web.gate import Gate
from tsattn.web.library import Library
from tsattn.web.messages import told
from tsattn.web.models import Models
from tsattn.web.workshop import Workshop

if TYPE_CHECKING:
    from fastapi import FastAPI

INSTALL = "the web page needs more packages: pip install 'tsattn[ui]'"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class ServerError(TsattnError, OSError):
    """A server that cannot be started."""


def serve(
    *,
    host: str,
    port: int,
    models: Sequence[str] = (),
    auth: tuple[str, str] | None = None,
    ready: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve the page until interrupted; `ready` is called with its address. `port` 0 takes any that is free.

    All runs are in a temporary folder that goes with the server. Raises `ServerError` where packages are missing or the
    address cannot be had, `ModelError` for models that cannot be.
    """
    offered = Models(models)
    try:
        import gradio  # noqa: F401
        import uvicorn
    except ImportError as error:
        raise ServerError(INSTALL) from error
    listening = _bound(host, port)
    with tempfile.TemporaryDirectory(prefix="tsattn-ui-") as folder, listening:
        app = application(offered, Path(folder), local=host in LOOPBACK, auth=auth)
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1, server_header=False)
        shown = f"[{host}]" if ":" in host else host
        ready(f"http://{shown}:{listening.getsockname()[1]}")
        uvicorn.Server(config).run(sockets=[listening])


def application(models: Models, folder: Path, *, local: bool = True, auth: tuple[str, str] | None = None) -> Any:
    """The whole application; `local` answers to names of this machine only, so that no other site can pose as it."""
    os.environ["GRADIO_TEMP_DIR"] = str(folder / "gradio")
    from fastapi import FastAPI
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from tsattn.web.page import mount

    library = Library(folder / "runs")
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    _add_routes(app, library)
    mount(app, models, library, Workshop())
    if local:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"])
    return Gate(app, auth=auth)


def _add_routes(app: FastAPI, library: Library) -> None:
    from fastapi import HTTPException, Request, Response
    from fastapi.concurrency import run_in_threadpool
    from fastapi.responses import FileResponse, JSONResponse

    async def file(request: Request) -> Response:
        path = library.file(request.state.browser, request.path_params["entry"], request.path_params["name"])
        if path is None:
            raise HTTPException(404)
        # a report is a page of its own, which must reach nothing of this one
        headers = {"content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"}
        wanted = "attachment" if "download" in request.query_params else "inline"
        return FileResponse(path, filename=path.name, content_disposition_type=wanted, headers=headers)

    async def load(request: Request) -> Response:
        from tsattn.web.making import loaded

        content = await request.body()
        try:
            entry = await run_in_threadpool(loaded, library, request.state.browser, content)
        except Exception as error:
            return JSONResponse({"error": told(error)}, status_code=400)
        return JSONResponse({"run": entry.id})

    app.add_route("/runs/{entry}/{name}", file, methods=["GET"])
    app.add_route("/runs", load, methods=["POST"])


def _bound(host: str, port: int) -> socket.socket:
    """A socket that listens at an address: a port in use is an error at once, and who comes early waits."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(2048)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ServerError(f"cannot listen on {host}:{port}: {reason}; choose another --host or --port") from error
    return listening


def name_and_password(text: str) -> tuple[str, str]:
    """The two parts of "NAME:PASSWORD". Raises `ServerError` where one is missing."""
    match = re.fullmatch(r"([^:]+):(.+)", text, re.DOTALL)
    if match is None:
        raise ServerError("--auth is a name and a password with a colon between them, such as me:correct-horse")
    return match[1], match[2]
