"""Every command line that a page shows is one the program understands. It needs no kernels: what they set is in test_names_shown.py."""

import re
import shlex

import click
import pytest
from support.documents import PAGES, commands, name_of, text_of
from support.tiny import ROOT

from neurochip.cli.main import main
from neurochip.common.toml import shipped

STANDS_FOR = {
    "EXPERIMENT",
    "FILE",
    "NAME",
    "RUN",
    "RUN...",
    "DIR",
    "PERCENT",
    "TABLE.KEY=VALUE",
    "I,J",
    "TRAINED",
    "OUT",
    "CELLS",
    "MACRO...",
}
TARGETS = set(re.findall(r"(?m)^([a-z-]+):(?!=)", (ROOT / "Makefile").read_text(encoding="utf-8")))

SHOWN = [(name_of(page), command) for page in PAGES for command in commands(text_of(page))]
CALLS = [(page, command) for page, command in SHOWN if command.startswith("neurochip ")]
MADE = [(page, command) for page, command in SHOWN if command.startswith("make ")]


def is_whole(command: str) -> bool:
    """Tell whether it can be parsed as it stands: no ellipsis, no word in capitals in place of a value."""
    return "..." not in command and not STANDS_FOR & set(re.split(r"[ =]", command))


def test_the_readme_shows_how_to_run():
    assert any(page == "README.md" and command.startswith("neurochip run ") for page, command in CALLS)
    assert len(CALLS) > 60 and len(MADE) > 10


@pytest.mark.parametrize(("page", "command"), CALLS)
def test_a_command_exists_with_its_options(page, command):
    """Its name, and every option: also of a line that only stands for others."""
    group, arguments = _found(command)
    known = {option for parameter in group.params for option in parameter.opts} | {"-h", "--help", "--version"}
    assert [word for word in arguments if word.startswith("--") and word.partition("=")[0] not in known] == []


@pytest.mark.parametrize(("page", "command"), [(page, command) for page, command in CALLS if is_whole(command)])
def test_a_whole_command_line_is_understood(page, command):
    """Its options and arguments parse, and an experiment that it names ships."""
    group, arguments = _found(command)
    if not arguments and (isinstance(group, click.Group) or any(p.required for p in group.params)):
        return  # the command itself is meant, as in a sentence
    if "--help" in arguments or "--version" in arguments:
        return
    options = group.make_context("neurochip", arguments).params
    file = options.get("file")
    is_readers_own = file and (file.startswith(("runs/", "DIR/")) or (file.endswith((".toml", ".py")) and "/" not in file))
    if file and not is_readers_own:
        assert file in shipped("experiments") or (ROOT / file).is_file()


@pytest.mark.parametrize(("page", "command"), MADE)
def test_a_target_of_make_exists(page, command):
    assert set(shlex.split(command)[1:]) <= TARGETS


def test_the_test_sees_wrong_commands():
    with pytest.raises(KeyError):
        test_a_command_exists_with_its_options("", "neurochip walk")
    with pytest.raises(AssertionError):
        test_a_command_exists_with_its_options("", "neurochip run NAME --fast")
    with pytest.raises(AssertionError):
        test_a_whole_command_line_is_understood("", "neurochip run mnist_slow")


def _found(command: str) -> tuple[click.Command, list[str]]:
    group: click.Command = main
    arguments = shlex.split(command)[1:]
    while isinstance(group, click.Group) and arguments and not arguments[0].startswith("-"):
        group = group.commands[arguments.pop(0)]
    return group, arguments
