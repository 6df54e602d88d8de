"""The body of `neurochip serve`."""

from pathlib import Path

import click

from neurochip.serve.app import serve as show_folder


def serve(folder: str, host: str, port: int) -> None:
    """Say where the pages are, and show them until Ctrl-C."""
    show_folder(Path(folder), host, port, lambda: click.echo(f"{folder}: http://{host}:{port}/ (Ctrl-C ends it)"))
