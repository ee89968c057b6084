"""`tsattn ui`: serve the web page."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from tsattn.web.server import LOOPBACK, name_and_password, serve


def run(*, host: str, port: int, models: Sequence[str], auth: str | None) -> None:
    """Serve until interrupted. Raises `TsattnError` where the server cannot be started."""
    if host not in LOOPBACK and auth is None:
        typer.echo(f"tsattn: warning: whoever reaches {host} can use this page; --auth asks for a password", err=True)

    def ready(address: str) -> None:
        typer.echo(f"the page is at {address} (stop it with Ctrl+C)")

    serve(host=host, port=port, models=models, auth=None if auth is None else name_and_password(auth), ready=ready)
