"""Every name of code that a page shows exists: files, modules, functions, keys, decisions; as far as regular expressions can tell.

A reader's own files are called my_... or mine; what else has no counterpart here is listed in ELSEWHERE.
"""

import ast
import builtins
import functools
import itertools
import re
import shlex
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.documents import PACKAGE, PAGES, blocks, commands, name_of, spans, text_of
from support.tiny import ROOT

import neurochip
from neurochip.common.toml import shipped
from neurochip.energy.table import EnergyTable
from neurochip.experiment.chip import Chip
from neurochip.experiment.generator import Generator
from neurochip.experiment.schema import experiment_keys
from neurochip.experiment.setup import load_setup

PLACES = [ROOT, PACKAGE, PACKAGE / "core", PACKAGE / "offchip", PACKAGE / "rtl_models"]
"""Where a path may start, beside its page's own folder."""

ELSEWHERE = {
    "golden/run.sh": "written by `neurochip export-rtl`",
    "docs/decisions/NNN-*.md": "a form of names",
    "./other.toml": "a reader's",
    "NAME.toml": "a form of names",
    **dict.fromkeys(
        (
            "experiment.toml",
            "chip.toml",
            "energy_table.toml",
            "DIR/experiment.toml",
            "runs/quick/experiment.toml",
            "runs/first/experiment.toml",
        ),
        "of a run directory",
    ),
    "neurochip.x": "any name",
}

GENERATED = {"commands", "experiment", "rules", "chip", "events", "energy_table", "shipped", "index", "changelog", "contributing"}
"""Pages that are made when the site is built; test_site.py checks the links to them."""

OWN_WORDS = {"run_format.md": "keys of summary.json", "python.md": "variables, which test_examples_shown.py looks up"}
"""Pages on which `word.word` is something else."""

FILE = r"(?<![\w./*<-])((?:[\w.*-]+/)*[\w*-]+\.(?:py|sv|svh|cpp|toml|md|cfg|yml|j2))\b(?!\()"
FOLDER = r"^((?:neurochip|tests|docs|tools|rtl_models|experiments|[\w.]+)/(?:[\w.-]+/)*)$"

IDS = [name_of(page) for page in PAGES]


@functools.cache
def tracked() -> list[Path]:
    """Every file of the checkout but what builds leave."""
    left_out = {".git", ".venv", "build", "dist", "runs", "__pycache__"}
    return [path for path in ROOT.rglob("*") if not left_out & set(path.relative_to(ROOT).parts)]


def is_there(path: str, page: Path) -> bool:
    """Tell whether the path leads to a file from one of the places; of a bare name, whether there is such a file anywhere."""
    if path in ELSEWHERE or re.match(r"(my_|mine)", path.rpartition("/")[2]) or (Path(path).stem in GENERATED and path.endswith(".md")):
        return True
    if "/" not in path and any(one.match(path) for one in tracked()):
        return True
    return any(any(place.glob(path)) for place in (page.parent, *PLACES) if not path.startswith("/")) or (page.parent / path).exists()


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_files_exist(page):
    text = text_of(page)
    links = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text) if ":" not in target]
    files = [*re.findall(FILE, re.sub(r"\]\([^)]*\)", "]", text)), *filter(None, links)]
    files += [found[1] for span in spans(text) if (found := re.match(FOLDER, span))]
    own = {word for block in blocks(text, "", "toml") for word in re.findall(FILE, block) if word.endswith(".toml") and "/" not in word}
    assert [path for path in files if path not in own and not is_there(path, page)] == []


@functools.cache
def definitions(path: Path) -> frozenset[str]:
    """Names that a module defines or imports at its top, and the methods and fields of its classes."""
    names: set[str] = set()
    nodes = list(ast.parse(path.read_text(encoding="utf-8")).body)
    for node in nodes:
        if isinstance(node, ast.If):
            nodes += [*node.body, *node.orelse]
        names |= _defined(node)
        if isinstance(node, ast.ClassDef):
            names |= set(itertools.chain(*map(_defined, node.body)))
    return frozenset(names)


def _defined(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Assign):
        return {target.id for target in node.targets if isinstance(target, ast.Name)}
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return {node.target.id}
    if isinstance(node, ast.ImportFrom | ast.Import):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return set()


@functools.cache
def modules() -> Mapping[str, list[Path]]:
    """Files by the last part of their module's name."""
    found: dict[str, list[Path]] = {}
    for path in PACKAGE.rglob("*.py"):
        found.setdefault(path.parent.name if path.stem == "__init__" else path.stem, []).append(path)
    return found


def leads_somewhere(dotted: str) -> bool:
    """Tell whether a name that starts with `neurochip.` is a module, a folder of data, or something that a module defines."""
    parts = dotted.split(".")
    for n in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:n])
        files = [file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()]
        if n == len(parts) and (files or place.is_dir()):
            return True
        if files:
            return parts[n] in definitions(files[0]) or (n == 1 and parts[1] in neurochip.__all__)
    return False


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_modules_and_functions_exist(page):
    text = text_of(page)
    dotted = re.findall(r"(?<![\w./@-])neurochip(?:\.[A-Za-z_]\w*)+(?![\w/])", text)
    assert [name for name in dotted if name not in ELSEWHERE and not name.endswith(".toml") and not leads_somewhere(name)] == []
    every = frozenset(itertools.chain(*(definitions(path) for paths in modules().values() for path in paths)))
    called = [found[1] for span in spans(text) if (found := re.fullmatch(r"([a-z_]\w*)\(.*\)", span))]
    assert [name for name in called if name not in every and name not in dir(builtins) and name not in BUILT_IN] == []


BUILT_IN = {"ceil", "clip", "exp", "floor", "log2", "memory", "round"}
"""Functions of formulas, and a group of Liberty files."""


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_functions_are_where_the_page_says(page):
    """`f` in `room/module.py`, f() and g() in room/module.py, and module.f of a module by that name."""
    text = re.sub(r"\s+", " ", text_of(page)).replace("`", "")
    assert [claim for claim in claims(text) if not holds(*claim)] == []
    for span in spans(text_of(page)) if page.name not in OWN_WORDS else ():
        found = re.fullmatch(r"(?!neurochip\b)([a-z_]+)\.([A-Za-z_]\w*)(\(\))?", span)
        if found and span not in ELSEWHERE and found[1] in modules() and found[1] not in TABLES and found[2] not in SUFFIXES:
            assert any(found[2] in definitions(path) for path in modules()[found[1]]), span


SUFFIXES = {"py", "sv", "toml", "h5", "json", "html", "png", "md", "npz", "cff", "cfg", "lib", "csv", "parquet"}


def claims(text: str) -> Iterator[tuple[str, str]]:
    """Every function that a sentence says is in a file, with the file."""
    for names, file in re.findall(r"((?:\w+\(\)(?:, | and )?)+) in (\w[\w/]*\.py)", text):
        for name in re.findall(r"\w+", names.replace(" and ", " ")):
            yield name, file


def holds(name: str, file: str) -> bool:
    """Tell whether a file of that path, from one of the places, defines the name."""
    return any((place / file).is_file() and name in definitions(place / file) for place in PLACES)


# ---- keys


TABLES = set(experiment_keys()["properties"])


def has_key(schema: Mapping[str, Any], node: Mapping[str, Any], path: list[str]) -> bool:
    """Tell whether a JSON Schema has this key: through references, choices, lists and tables of anything."""
    if "$ref" in node:
        return has_key(schema, schema["$defs"][node["$ref"].rpartition("/")[2]], path)
    if not path:
        return True
    if any(has_key(schema, option, path) for option in (*node.get("anyOf", ()), *node.get("oneOf", ())) if "required" not in option):
        return True
    if "items" in node:
        return has_key(schema, node["items"], path[1:] if path[0].isdecimal() else path)
    if "then" in node and has_key(schema, node["then"], path):  # [rule]: settings of the shipped rules
        return True
    rest = node.get("additionalProperties")
    if path[0] in node.get("properties", {}):
        return has_key(schema, node["properties"][path[0]], path[1:])
    return isinstance(rest, dict) and has_key(schema, rest, path[1:])


def keys_of(content: Any, above: tuple[str, ...] = ()) -> Iterator[list[str]]:
    """Every key of a TOML document, as a path."""
    for key, value in content.items() if isinstance(content, dict) else ():
        yield [*above, key]
        for one in value if isinstance(value, list) else [value]:
            yield from keys_of(one, (*above, key))


SCHEMAS = {
    "an experiment": experiment_keys,
    "a chip": Chip.model_json_schema,
    "an energy table": EnergyTable.model_json_schema,
    "a generator": Generator.model_json_schema,
}


def foreign_keys(content: Mapping[str, Any]) -> Iterable[str]:
    """Keys that none of the files has of which this could be a piece; those of the file that has most."""
    missing = []
    for make in SCHEMAS.values():
        schema = make()
        missing.append([".".join(path) for path in keys_of(content) if path != ["base"] and not has_key(schema, schema, path)])
    return min(missing, key=len)


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_keys_exist(page):
    for block in blocks(text_of(page), "toml"):
        content = tomllib.loads(block)
        assert "project" in content or foreign_keys(content) == []
    schema = experiment_keys()
    for span in spans(text_of(page)):
        key = re.fullmatch(r"([a-z]+(?:\.\w+)+)(?: ?= ?.*)?", span)
        parts = key[1].split(".") if key else [""]
        if parts[0] not in TABLES or parts[1] in SUFFIXES or page.name in OWN_WORDS:
            continue
        is_code = parts[0] in modules() and any(parts[1] in definitions(path) for path in modules()[parts[0]])
        assert is_code or has_key(schema, schema, parts), span


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_settings_in_commands_are_taken(page):
    """Every `--set` of a command on a shipped experiment: the key exists and takes the value; a file in it is the reader's own."""
    for command in commands(text_of(page)):
        words = shlex.split(command) if command.startswith("neurochip ") and "--set" in command else []
        settings = [word for flag, word in itertools.pairwise(words) if flag == "--set" and not re.search(r"\.(toml|pt|py)\b", word)]
        names = [word for word in words if word in shipped("experiments")]
        if names and settings != ["TABLE.KEY=VALUE"]:
            load_setup(names[0], tuple(setting.replace("=X", "=rotated") for setting in settings))


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_decisions_exist(page):
    for number in re.findall(r"[Dd]ecisions?[ /](\d{3})", text_of(page)):
        assert list((ROOT / "docs" / "decisions").glob(f"{number}-*.md")), number


def test_the_tests_see_wrong_names():
    page = PAGES[0]
    assert re.findall(FILE, "see neurochip/core/some.py and `nc_nothing.sv`.") == ["neurochip/core/some.py", "nc_nothing.sv"]
    assert not is_there("neurochip/core/some.py", page) and is_there("neurochip/core/rng.py", page) and not is_there("nc_nothing.sv", page)
    assert leads_somewhere("neurochip.core.rng.draw") and not leads_somewhere("neurochip.core.rng.drew")
    found = list(claims("Counterpart: step() and draw() in core/rng.py, push() in core/noc.py."))
    assert [holds(*claim) for claim in found] == [True, True, False]
    assert list(foreign_keys({"run": {"epoch": 2}, "chip": {"rng": {"kind": "lfsr16"}}, "network": {"layers": [{"neurons": 3}]}})) == [
        "run.epoch"
    ]
