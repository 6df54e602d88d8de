"""The pages of `neurochip serve`: a list that refreshes itself, reports, pages of studies as far as they are. It writes nothing."""

import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from neurochip.common.errors import NeurochipError
from neurochip.report.html import environment, page_text
from neurochip.runfile.load import load_run
from neurochip.runfile.names import REPORT, SUMMARY
from neurochip.serve.found import MOST, Finder
from neurochip.study.store import STUDY_JSON, read_study, read_trials

if TYPE_CHECKING:
    from flask import Flask

TEMPLATES = Path(__file__).parent / "templates"
REFRESH_MS = 2000
SPARK = (90, 22)  # width and height of the curve of accuracies in a row, px


def make_app(folder: Path) -> "Flask":
    """Return the web application that shows what `folder` holds. Raises NeurochipError without such a folder, or without Flask."""
    flask = load_flask()
    folder, finder = folder.resolve(), Finder(folder.resolve())
    app, templates = flask.Flask("neurochip.serve", static_folder=None), environment(TEMPLATES)

    def rows() -> str:
        entries = finder.entries()
        return str(templates.get_template("rows.html.j2").render(entries=entries, curve=curve, now_s=time.time(), ago=ago, most=MOST))

    @app.get("/")
    def index() -> str:
        return str(templates.get_template("index.html.j2").render(folder=str(folder), rows=rows(), refresh_ms=REFRESH_MS))

    @app.get("/rows")
    def refreshed() -> str:
        return rows()

    @app.get("/at/<path:path>")
    def at(path: str):  # a page, a file of a run, or a folder's own page
        found = (folder / path).resolve()
        if not found.is_relative_to(folder) or not found.exists():
            flask.abort(404)
        if found.is_file():
            return flask.send_file(found)
        if not path.endswith("/"):
            return flask.redirect(f"{flask.request.path}/")
        return flask.send_file(found / REPORT) if (found / REPORT).is_file() else page_of(found)

    @app.errorhandler(NeurochipError)
    def refused(error: NeurochipError) -> tuple[str, int, dict[str, str]]:
        return f"{error}\n", 409, {"Content-Type": "text/plain; charset=utf-8"}

    return app


def page_of(folder: Path) -> str:
    """Return the page of a run or study that has none of its own, or whose own may be old; plots of a run are not drawn here."""
    if (folder / STUDY_JSON).is_file():
        from neurochip.study.page import page_text as study_text

        return study_text(read_study(folder), read_trials(folder))
    if (folder / SUMMARY).is_file():
        return page_text(load_run(folder), ())
    raise NeurochipError(f"{folder}: nothing is complete yet; its row in the list says where it stands")


def curve(values: tuple[float, ...]) -> str:
    """Return the points of a line through accuracies from 0 to 1, left to right, for an SVG of SPARK px."""
    width, height = SPARK
    low, high = min(values), max(values)
    step, scale = (width - 4) / max(1, len(values) - 1), (height - 4) / ((high - low) or 1)
    return " ".join(f"{2 + i * step:.1f},{height - 2 - (value - low) * scale:.1f}" for i, value in enumerate(values))


def ago(seconds: float) -> str:
    """Return how long ago something was, as `12 s` or `3 h`."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"


def load_flask():
    """Return the module, or raise NeurochipError that says how to get it."""
    try:
        import flask
    except ImportError:
        raise NeurochipError("pages are served by Flask; install it with: pip install 'neurochip[serve]'") from None
    return flask


def serve(folder: Path, host: str, port: int, say: Callable[[], None]) -> None:
    """Show `folder` at http://host:port/ until Ctrl-C; `say` is called when it listens. Raises NeurochipError if the port is taken."""
    app = make_app(folder)
    from werkzeug.serving import make_server

    try:
        server = make_server(host, port, app, threaded=True)
    except (OSError, SystemExit) as error:  # werkzeug exits where a port is taken
        raise NeurochipError(f"{host}:{port}: cannot be listened to ({error}); choose another --port") from None
    say()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line per request is of no use to anybody
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
