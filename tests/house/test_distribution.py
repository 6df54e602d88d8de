"""What is built and given away: an sdist that holds what git tracks, links included, and a wheel with everything the package needs."""

import os
import re
import runpy
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_string
from pathlib import Path

import pytest
from support.tiny import ROOT

from neurochip import __version__

RELEASE = runpy.run_path(str(ROOT / "tools" / "release_check.py"))
NAME = f"neurochip-{__version__}"
BUILD = "import sys; from setuptools import build_meta; print(getattr(build_meta, sys.argv[1])(sys.argv[2]))"


def build(kind: str, source: Path, to: Path) -> Path:
    """Build an sdist or a wheel of the tree `source` with this environment's setuptools; return its path."""
    to.mkdir(exist_ok=True)
    done = subprocess.run([sys.executable, "-c", BUILD, f"build_{kind}", str(to)], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return to / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def sdist(tmp_path_factory) -> Path:
    """The sdist of the files that git tracks, unpacked by the strictest filter: no link may leave it."""
    folder = tmp_path_factory.mktemp("sdist")
    archive = build("sdist", RELEASE["copy_tracked"](folder / "source"), folder / "dist")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / NAME


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory) -> zipfile.ZipFile:
    """The wheel, built from the sdist."""
    return zipfile.ZipFile(build("wheel", sdist, tmp_path_factory.mktemp("wheel")))


def files_below(folder: Path) -> set[str]:
    """Files and links below a folder, links not followed."""
    found = set()
    for place, folders, files in os.walk(folder):
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        found |= {(Path(place) / name).relative_to(folder).as_posix() for name in files + links}
    return found


def test_the_sdist_holds_what_git_tracks(sdist):
    made = {name for name in files_below(sdist) if name == "PKG-INFO" or name.startswith("neurochip.egg-info/")}
    assert files_below(sdist) - made == set(RELEASE["tracked"]()), "MANIFEST.in says what goes into an sdist"


@pytest.mark.parametrize("name", ["experiments", "rtl_models"])
def test_a_link_at_the_top_is_one_in_the_sdist(sdist, name):
    assert os.readlink(sdist / name) == os.readlink(ROOT / name) == f"neurochip/{name}"
    assert sorted(path.name for path in (sdist / name).iterdir()) == sorted(
        Path(path).parts[2] for path in {"/".join(Path(p).parts[:3]) for p in RELEASE["tracked"]() if p.startswith(f"neurochip/{name}/")}
    )


def test_the_wheel_holds_all_of_the_package(wheel):
    """Every module, and every file that is none: data that setup.cfg forgets would be missing in an installed copy alone."""
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert packed == {name for name in RELEASE["tracked"]() if name.startswith("neurochip/")}, "setup.cfg lists [options.package_data]"


def test_the_wheel_says_what_it_is(wheel):
    about = message_from_string(wheel.read(f"{NAME}.dist-info/METADATA").decode())
    assert about["License-Expression"] == "Apache-2.0"
    for paper in ("LICENSE", "NOTICE"):
        assert wheel.read(f"{NAME}.dist-info/licenses/{paper}") == (ROOT / paper).read_bytes()
    systems = {text for text in about.get_all("Classifier") if text.startswith("Operating System")}
    assert systems == {"Operating System :: MacOS", "Operating System :: POSIX :: Linux"}
    assert "neurochip = neurochip." in wheel.read(f"{NAME}.dist-info/entry_points.txt").decode()


def test_an_extra_has_no_pin(wheel):
    """A pin of ours would meet the pin of another package in the same environment."""
    about = message_from_string(wheel.read(f"{NAME}.dist-info/METADATA").decode())
    wanted = about.get_all("Requires-Dist")
    assert wanted and not [text for text in wanted if "==" in text.partition(";")[0]]


def test_the_container_builds_its_wheel_from_enough(wheel, tmp_path):
    """The files that the Dockerfile copies, and .dockerignore lets through, make the same wheel."""
    let_through = [line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")]
    copied = re.findall(r"(?m)^COPY (?!--from)(.*) \S+$", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    names = [name for line in copied for name in line.split()]
    assert set(names) <= set(let_through)
    source = RELEASE["copy_tracked"](tmp_path / "all")
    for name in names:
        (tmp_path / "some").mkdir(exist_ok=True)
        (source / name).rename(tmp_path / "some" / name)
    built = zipfile.ZipFile(build("wheel", tmp_path / "some", tmp_path / "dist"))
    assert sorted(built.namelist()) == sorted(wheel.namelist())


@pytest.mark.slow
def test_tests_pass_from_the_sdist(sdist):
    """A quick selection, in a tree that is no checkout of git."""
    tests = [
        "tests/house/test_commands_shown.py",
        "tests/house/test_papers.py",
        "tests/common",
        "tests/house/test_distribution.py::test_the_sdist_holds_what_git_tracks",
    ]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHONPATH"))}
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, cwd=sdist, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d+ passed", done.stdout) and "failed" not in done.stdout
