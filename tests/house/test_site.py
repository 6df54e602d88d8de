"""The site builds without a warning, holds every page, and loads nothing from another host."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.tiny import ROOT

from neurochip.cli.main import main
from neurochip.core import rules
from neurochip.experiment.setup import Experiment

LOADED = r"""<(?:link|script|img|iframe|source)\b[^>]*?(?:href|src)=["']?(?:https?:)?//(?!\w*localhost)[^"' >]+"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site, built by the line of the Makefile, into a folder of its own."""
    folder = tmp_path_factory.mktemp("site")
    line = next(line.strip() for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines() if "mkdocs build" in line)
    variable, program = line.split()[:2]
    assert program == "$(BIN)/mkdocs"
    name, value = variable.split("=")
    command = [sys.executable, "-W", "error::DeprecationWarning", "-m", "mkdocs", *line.split()[2:], "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, name: value}, capture_output=True, text=True, timeout=600)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert [line for line in said.splitlines() if line and not line.startswith("INFO")] == []
    return folder


def page(site: Path, name: str) -> str:
    """One page of the site."""
    return (site / name).read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_site_has_every_page(site):
    pages = {path.relative_to(ROOT / "docs").with_suffix(".html").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    pages |= {path.relative_to(ROOT / "docs").with_suffix(".html").as_posix() for path in (ROOT / "docs").rglob("*.ipynb")}
    built = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert pages <= built
    assert built - pages == {
        *("404.html", "index.html", "changelog.html", "contributing.html", "decisions/index.html"),
        *(f"reference/{name}.html" for name in ("commands", "experiment", "rules", "chip", "events", "energy_table", "shipped")),
    }


@pytest.mark.slow
def test_nothing_is_loaded_from_another_host(site):
    assert re.findall(
        LOADED, '<script src="https://a.b/c.js"></script><img alt=x src=//d.e/f.png><link href="g.css"><a href="https://h.i">'
    )
    for path in site.rglob("*.html"):
        assert re.findall(LOADED, path.read_text(encoding="utf-8")) == [], path
    for path in site.rglob("*.css"):
        assert re.findall(r"url\(\s*[\"']?(?:https?:)?//|@import", path.read_text(encoding="utf-8")) == [], path


@pytest.mark.slow
def test_generated_pages_hold_what_the_program_has(site):
    commands = page(site, "reference/commands.html")
    assert [name for name in main.commands if f"neurochip-{name}" not in commands] == []
    keys = page(site, "reference/experiment.html")
    assert [key for key in Experiment.model_fields if f"<code>{key}</code>" not in keys] == []
    settings = page(site, "reference/rules.html")
    assert [key for name in rules.names() for key in rules.load(name).settings if f"<code>{key}</code>" not in settings] == []


def test_the_navigation_names_every_page_of_its_own_once():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = re.findall(r"[\w/]+\.md", yaml.safe_dump(yaml.safe_load(text)["nav"]))
    assert len(listed) == len(set(listed)) > 25
