"""What the documentation says: its pages, their code, the first comments of the RTL."""

import re
from pathlib import Path

from support.tiny import ROOT

PACKAGE = ROOT / "neurochip"

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

RTL = sorted((PACKAGE / "rtl_models").rglob("*.sv"))


def name_of(path: Path) -> str:
    """A page as its path from the root, for a test's name."""
    return path.relative_to(ROOT).as_posix()


def text_of(path: Path) -> str:
    """A page; of a SystemVerilog file its first comment."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".sv":
        return text
    lines = []
    for line in text.splitlines():
        if not line.startswith("//"):
            break
        lines.append(line.removeprefix("//"))
    return " ".join(lines)


def blocks(text: str, *languages: str) -> list[str]:
    """Contents of the code blocks that are marked with one of these languages."""
    return [body for mark, body in re.findall(r"(?ms)^```(\w*)[^\n`]*\n(.*?)^```", text) if mark in languages]


def titled(text: str) -> dict[str, str]:
    """Contents of the code blocks that have a file's name as their title."""
    return dict(re.findall(r"(?ms)^```\w+ title=\"(\w+\.\w+)\"\n(.*?)^```", text))


def spans(text: str) -> list[str]:
    """Pieces of code within sentences."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"(?ms)^```.*?^```", "", text))


def commands(text: str) -> list[str]:
    """Lines of the unmarked code blocks and pieces of code that are commands; continuation lines joined, comments cut off."""
    lines = [line for block in blocks(text.replace("\\\n", " "), "", "sh") for line in block.splitlines()]
    return [line.removeprefix("$ ").partition("  #")[0].strip() for line in [*lines, *spans(text)]]
