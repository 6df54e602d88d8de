"""What is said of the RTL beside it is true: its docs, the first comments of its modules, the README of an export."""

import re
from pathlib import Path

import pytest
from support.tiny import neurochip, write_experiment

from neurochip.cosim import verilator
from neurochip.cosim.core import register_map

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "rtl.md").read_text(encoding="utf-8")
SOURCES = sorted(verilator.RTL.rglob("*.sv*"))
NAMED = re.compile(r"((?:`?[A-Za-z_]+`?(?:\(\))?(?:, | and | of ))*`?[A-Za-z_]+`?(?:\(\))?) in `?((?:[a-z_]+/)+[a-z_]+\.py)")
PATHS = re.compile(r"(?:[a-z_]+/)+[a-z_]+\.py")


def first_comment(path: Path) -> str:
    """The lines of // at the top, as one."""
    lines = path.read_text(encoding="utf-8").splitlines()
    n = next(i for i, line in enumerate(lines) if not line.startswith("//"))
    return " ".join(line[2:].strip() for line in lines[:n])


def wrong_facts(text: str) -> list[str]:
    """Files of the package that a text names and that are not there, and names that are not defined in the file said."""
    wrong = [path for path in PATHS.findall(text) if not any((folder / path).is_file() for folder in (ROOT, ROOT / "neurochip"))]
    for names, path in NAMED.findall(text):
        file = ROOT / "neurochip" / path.removeprefix("neurochip/")
        said = file.read_text(encoding="utf-8") if file.is_file() else ""
        for name in re.split(r", | and | of ", names):
            word = name.strip("`").removesuffix("()")
            if not re.search(rf"^(?:def|class) {word}\b|^ *{word}(?::| =)", said, re.MULTILINE):
                wrong.append(f"{name} in {path}")
    return wrong


def test_wrong_facts_are_found():
    assert wrong_facts("Counterpart: fire() and teach() in core/soma.py; `counts` of CoreState in core/state.py.") == []
    assert wrong_facts("fire() and firing() in core/soma.py") == ["firing() in core/soma.py"]
    assert wrong_facts("see core/noc.py") == ["core/noc.py"]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_every_module_says_what_it_is_and_whose_counterpart(path):
    comment = first_comment(path)
    assert len(comment) > 40
    if path.name.startswith("nc_"):
        assert "Counterpart: " in comment or "Made from " in comment
    assert wrong_facts(comment) == []


def test_the_docs_name_every_module_and_only_what_is_there():
    table = DOCS[DOCS.index("## Modules") : DOCS.index("## Configuration")]
    named = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert sorted(named) == sorted(path.stem for path in verilator.RTL.glob("n*.sv"))
    assert wrong_facts(table.replace("`", "")) == []


def test_the_docs_have_the_register_map():
    start, end = "<!-- register map: python -m neurochip.cosim.core.register_map -->\n", "<!-- end of the register map -->"
    assert DOCS[DOCS.index(start) + len(start) : DOCS.index(end)] == register_map.markdown()


def test_every_register_is_in_the_map_and_in_the_package():
    lines = "\n".join(register_map.package_lines())
    names = {entry.name for entry in register_map.entries()}
    for prefix, members in (("REGION", register_map.Region), ("REGISTER", register_map.Register), ("BARRIER", register_map.Barrier)):
        for member in members:
            assert re.search(rf"\b{prefix}_{member.name} = \d+'d{member.value};", lines)
            assert member.name.lower() in names or member == register_map.Region.REGISTERS


def test_an_export_explains_its_configuration(tmp_path):
    experiment = write_experiment(tmp_path, n_train=6, n_test=3, neurons=(6, 3), epochs=1, ticks=6)
    result = neurochip("export-rtl", experiment, tmp_path / "golden")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "golden" / "README.txt").read_text(encoding="utf-8").endswith(register_map.plain_text())
