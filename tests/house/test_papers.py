"""The papers at the top say what is true of the project: licence, citation, workflow, container, hooks, targets of make."""

import configparser
import os
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
import yaml
from support.tiny import ROOT

from neurochip import __version__
from neurochip.energy.table import available_tables

PROGRAMS = Path(sys.executable).parent
WORKFLOW = ".github/workflows/ci.yml"
APACHE_2_0 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"  # SHA-256 of the text as published


def text_of(name: str) -> str:
    """A file at the top."""
    return (ROOT / name).read_text(encoding="utf-8")


def targets() -> dict[str, list[str]]:
    """Lines of the Makefile's recipes, by target."""
    found: dict[str, list[str]] = {}
    for line in text_of("Makefile").splitlines():
        if match := re.match(r"([a-z-]+):(?!=)", line):
            found[match[1]] = recipe = []
        elif line.startswith("\t"):
            recipe.append(line.strip())
    return found


def test_the_licence_is_the_apache_licence_as_published():
    assert sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE_2_0


def test_the_notice_says_where_every_energy_table_comes_from():
    assert {name for name in re.findall(r"\b(\w+)\.toml", text_of("NOTICE")) if name != "loihi_shape"} == {
        name for name, _ in available_tables()
    }


def test_the_citation_is_valid_and_of_this_version():
    citation = yaml.safe_load(text_of("CITATION.cff"))
    settings = configparser.ConfigParser()
    settings.read_string(text_of("setup.cfg"))
    assert citation["version"] == __version__
    assert citation["license"] == settings["metadata"]["license_expression"]
    assert [author["name"] for author in citation["authors"]] == [settings["metadata"]["author"]]


@pytest.mark.parametrize("line", [line for line in targets()["lint"] if "check-jsonschema" in line or "hadolint" in line])
def test_the_papers_pass_their_linters(line):
    program, *arguments = line.removeprefix("$(BIN)/").split()
    done = subprocess.run([PROGRAMS / program, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("paper", ["CITATION.cff", WORKFLOW, "Dockerfile"])
def test_make_lint_reads(paper):
    assert any(line.endswith(f" {paper}") for line in targets()["lint"])


def test_the_workflow_calls_targets_of_make_and_nothing_else():
    job = yaml.safe_load(text_of(WORKFLOW))["jobs"]["make"]
    commands = [step["run"] for step in job["steps"] if "run" in step]
    called = {command.replace("${{ matrix.target }}", target) for command in commands for target in job["strategy"]["matrix"]["target"]}
    assert called == {"sudo make tools", "make lint", "make test", "make test-slow", "make release-check"}
    assert {command.split()[-1] for command in called} <= targets().keys()


def test_hooks_before_a_commit_are_what_make_lint_runs():
    (local,) = yaml.safe_load(text_of(".pre-commit-config.yaml"))["repos"]
    hooks = {hook["entry"].removeprefix(".venv/bin/") for hook in local["hooks"]}
    lint = {line.removeprefix("$(BIN)/").removesuffix(" .") for line in targets()["lint"]}
    assert local["repo"] == "local" and hooks == {"ruff check", "ruff format --check", "mypy", "lint-imports"}
    assert hooks <= lint


def test_make_alone_lists_its_targets():
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # that of a `make test`
    done = subprocess.run(["make"], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    listed = [line.split()[1] for line in done.stdout.splitlines()]
    phony = re.search(r"(?m)^\.PHONY: (.*)$", text_of("Makefile"))
    assert phony and listed == phony[1].split() and set(listed) == targets().keys()
