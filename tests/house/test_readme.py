"""Every `neurochip` command line in README.md is one the program understands."""

import re
import shlex

import click
import pytest
from support.tiny import ROOT

from neurochip.cli.main import main
from neurochip.common.toml import shipped

README = ROOT / "README.md"


def commands() -> list[str]:
    """Lines of code blocks that call neurochip, continuation lines joined."""
    text = README.read_text(encoding="utf-8") if README.exists() else ""
    blocks = re.findall(r"(?ms)^```\w*\n(.*?)^```", text.replace("\\\n", " "))
    lines = [line.removeprefix("$ ").partition("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("neurochip ")]


@pytest.mark.skipif(not README.exists(), reason="there is no README.md")
def test_readme_shows_how_to_run():
    assert any(command.startswith("neurochip run ") for command in commands())


@pytest.mark.parametrize("command", commands())
def test_command_line_is_understood(command):
    """Its command exists, its options and arguments parse, and an experiment that it names ships."""
    group: click.Command = main
    arguments = shlex.split(command)[1:]
    while isinstance(group, click.Group) and arguments and not arguments[0].startswith("-"):
        group = group.commands[arguments.pop(0)]
    if "--help" in arguments or "--version" in arguments:
        return
    context = group.make_context("neurochip", arguments)
    if "file" in context.params and not context.params["file"].endswith(".toml"):
        assert context.params["file"] in shipped("experiments")
    if "file" in context.params and context.params["file"].startswith("experiments/"):
        assert (ROOT / context.params["file"]).exists()
