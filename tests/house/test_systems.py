"""neurochip says in one line where it does not run."""

import subprocess
import sys

import pytest
from support.tiny import ROOT

from neurochip import _systems

TEXT = "neurochip runs on Linux and macOS, this is win32; on Windows use it in the Windows Subsystem for Linux (WSL)"
ELSEWHERE = "import runpy, shutil, sys, tempfile; sys.platform = 'win32'; "  # what the standard library wants to know is known by then
COMMANDS = ["-m", "neurochip", "/usr/local/bin/neurochip", r"C:\Python\Scripts\neurochip.exe", r"C:\Python\Scripts\Neurochip.EXE"]


def python(code: str, tmp_path) -> subprocess.CompletedProcess[str]:
    """Code in a new process that finds this package and a folder for its cache."""
    env = {"PYTHONPATH": str(ROOT), "NEUROCHIP_CACHE": str(tmp_path / "cache"), "PATH": ""}
    return subprocess.run([sys.executable, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True)


@pytest.mark.parametrize("system", ["linux", "darwin"])
def test_a_supported_system_is_let_through(system, monkeypatch):
    monkeypatch.setattr(sys, "platform", system)
    _systems.require_supported()


@pytest.mark.parametrize("program", COMMANDS)
def test_the_command_is_refused_in_one_line(program, monkeypatch, capsys):
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(sys, "argv", [program, "info"])
    with pytest.raises(SystemExit) as refused:
        _systems.require_supported()
    assert refused.value.code == 2
    assert capsys.readouterr() == ("", f"{TEXT}\n")


@pytest.mark.parametrize("program", ["", "my_script.py", r"C:\work\neurochip\mine.py"])
def test_an_import_is_refused_with_an_import_error(program, monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(sys, "argv", [program])
    with pytest.raises(ImportError) as refused:
        _systems.require_supported()
    assert str(refused.value) == TEXT


def test_nothing_of_the_package_is_imported_elsewhere(tmp_path):
    done = python(f"{ELSEWHERE}import neurochip", tmp_path)
    assert done.returncode == 1 and done.stderr.splitlines()[-1] == f"ImportError: {TEXT}"
    assert not (tmp_path / "cache").exists()


def test_the_module_as_a_command_is_refused_elsewhere(tmp_path):
    done = python(f"{ELSEWHERE}sys.argv = ['-m']; runpy.run_module('neurochip', run_name='__main__')", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"{TEXT}\n")
