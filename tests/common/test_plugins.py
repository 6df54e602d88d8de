"""Plugins by path and by entry point: what is found, what its hash covers, and what is told of a file that cannot be loaded."""

import shutil
import sys

import pytest
from support.packages import install

from neurochip.common.errors import NeurochipError
from neurochip.common.plugins import entries, entry_toml, hash_of, is_path, load_entry, load_path

ALLOWED = ("numpy", "neurochip.core")
MODULE = "from package_a.helper import ONE\nfrom . import other\nVALUE = ONE + other.TWO\n"
FILES = {
    "package_a/__init__.py": "", "package_a/mine.py": MODULE, "package_a/helper.py": "ONE = 1\n", "package_a/other.py": "TWO = 2\n",
    "package_a/unused.py": "", "package_a/small.toml": "x = 1\n",
}  # fmt: skip
POINTS = "[test.values]\nmine = package_a.mine\n[test.files]\nsmall = package_a\n"


@pytest.fixture(autouse=True)
def _forget():
    """Packages of these names are in other folders in the next test."""
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] in ("package_a", "package_b", "bad_one")]:
        del sys.modules[name]


def load(path):
    return load_path(path, ("VALUE",), "a value (.py)", ALLOWED)


def from_entry(name="mine"):
    return load_entry("test.values", name, ("VALUE",), "a value", ALLOWED)


def test_a_path_is_told_from_a_name():
    assert [is_path(name, ".py") for name in ("a.py", "./a", "b/a", "a", "a.toml")] == [True, True, True, False, False]


def test_a_file_is_run_once_and_again_when_its_text_differs(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("VALUE = []\n")
    first = load(path)
    assert load(path) is first and first.name == "mine.py" and first.origin == "path"
    assert first.source == "VALUE = []\n" and first.sha256 == hash_of({"mine.py": first.source})
    path.write_text("VALUE = {}\n")  # as long, and perhaps in the same tick of the file system's clock
    assert load(path).module.VALUE == {} and load(path).sha256 != first.sha256


def test_a_moved_file_has_the_same_hash(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "mine.py").write_text("VALUE = 1\n")
    before = load(tmp_path / "a" / "mine.py").facts()
    shutil.move(tmp_path / "a", tmp_path / "b")
    assert load(tmp_path / "b" / "mine.py").facts() == before and str(tmp_path) not in str(before)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("VALUE = 1\nx = = 2\n", "mine.py: line 2: invalid syntax; mend it there"),
        ("VALUE = 1\n\nVALUE / 0\n", "mine.py: line 3: ZeroDivisionError: division by zero; mend it there"),
        ("def f():\n    raise ValueError('no\\nyes')\nf()\n", "mine.py: line 2: ValueError: no; mend it there"),
        ("raise SystemExit\n", "mine.py: line 1: SystemExit: it ends the program; mend it there"),
        ("import neurochip.core.no\n", "mine.py: line 1: ModuleNotFoundError: No module named 'neurochip.core.no'; mend it there"),
        ("x = 1\n", "mine.py: has no VALUE, by which a value (.py) is known; add it at the end of the file"),
        ("\nimport pandas.io\n", "mine.py: line 2: imports 'pandas.io'; it may import the standard library, neurochip.core, numpy"),
        ("from neurochip import report\n", "mine.py: line 1: imports 'neurochip.report'; it may import the standard library, "),
        ("from neurochip import core\nfrom numpy import e\nimport helper\n", "mine.py: line 3: imports 'helper', which lies beside"),
        ("from . import helper\n", "mine.py: line 1: imports '.', which lies beside it; a plugin by path is one file"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_told_in_one_line(text, told, tmp_path):
    (tmp_path / "helper.py").write_text("")
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(NeurochipError) as error:
        load(tmp_path / "mine.py")
    assert told in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(("name", "told"), [("none.py", "no such file; give the path of a value (.py)"), ("", "cannot be read: Is a dir")])
def test_a_file_that_is_not_there(name, told, tmp_path):
    with pytest.raises(NeurochipError, match=r"^/.*: ") as error:
        load(tmp_path / name)
    assert told in str(error.value)


def test_an_entry_point_counts_the_modules_of_its_package_that_it_needs(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(install(tmp_path, "package_a", FILES, POINTS, "1.2"))
    plugin = from_entry()
    assert plugin.module.VALUE == 3 and plugin.source == MODULE
    assert plugin.origin == "entry point of package package_a version 1.2"
    assert set(plugin.sources) == {"package_a", "package_a.mine", "package_a.helper", "package_a.other"}
    (tmp_path / "package_a" / "helper.py").write_text("ONE = 5\n")
    changed = from_entry()
    assert changed.sha256 != plugin.sha256 and changed.module.VALUE == 7


def test_entry_points_are_listed_and_told_apart(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(install(tmp_path / "a", "package_a", FILES, POINTS))
    monkeypatch.syspath_prepend(install(tmp_path / "b", "package_b", {"package_b.py": "VALUE = 1\n"}, "[test.values]\nmine = package_b\n"))
    assert [origin for _, origin in entries("test.values")["mine"]] == [
        "entry point of package package_b version 1.0", "entry point of package package_a version 1.0",
    ]  # fmt: skip
    with pytest.raises(NeurochipError, match=r"'mine' of group test.values is an entry point of package package_b version 1.0 and entry"):
        from_entry()
    with pytest.raises(NeurochipError, match=r"no installed package has an entry point 'mien' of group test.values; did you mean 'mine'\?"):
        from_entry("mien")


def test_an_entry_point_of_a_toml_file(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(install(tmp_path, "package_a", FILES, POINTS + "absent = package_a\n"))
    found = entry_toml("test.files", "small")
    assert (found.file, found.source, found.module) == (tmp_path / "package_a" / "small.toml", "x = 1\n", None)
    with pytest.raises(NeurochipError, match=r"^package_a/absent.toml \(entry point of package package_a version 1.0\): no such file"):
        entry_toml("test.files", "absent")


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"bad_one.py": "import nothing_there\n"}, "bad_one (entry point of package bad_one version 1.0): line 1: imports 'nothing_there'"),
        ({"bad_one.py": "1 / 0\n"}, "bad_one (entry point of package bad_one version 1.0): line 1: ZeroDivisionError"),
        ({"bad_one.py": "a b\n"}, "line 1: invalid syntax"),
        ({}, "no Python source of module 'bad_one' is installed"),
        ({"bad_one.py": "value = 1\n"}, "has no VALUE"),
    ],
)
def test_what_is_wrong_with_a_package_is_told_in_one_line(files, told, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(install(tmp_path, "bad_one", files, "[test.values]\nmine = bad_one\n"))
    with pytest.raises(NeurochipError) as error:
        from_entry()
    assert told in str(error.value)
