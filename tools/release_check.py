"""Build the sdist and the wheel as a release has them, check both, and use the wheel where there is nothing else of this project.

`make release-check`; needs the extra `release`, a network for pip, and MNIST (NEUROCHIP_DATA, or a download). Leaves both files in dist/.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXPERIMENT = "mnist_quick"
SETTINGS = {"data.train_samples": 500, "data.test_samples": 200, "run.epochs": 1}
OF_A_RUN = ("run.h5", "summary.json", "report.html")


def tracked(root: Path = ROOT) -> list[str]:
    """List what belongs into an sdist: the files that git tracks, or, unpacked from an sdist, those that it came with."""
    if (root / ".git").exists():
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True).stdout.split("\0")
        return sorted(name for name in listed if name and os.path.lexists(root / name))
    listed = (root / "neurochip.egg-info" / "SOURCES.txt").read_text(encoding="utf-8").splitlines()
    links = [path.name for path in root.iterdir() if path.is_symlink()]
    return sorted([name for name in listed if not name.startswith("neurochip.egg-info/")] + links)


def copy_tracked(to: Path, root: Path = ROOT) -> Path:
    """Copy those files, links as links, into a new folder: leftovers of earlier builds must not get into this one."""
    for name in tracked(root):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, to / name, follow_symlinks=False)
    return to


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def run(*command: str | Path, cwd: Path, quiet: bool = False) -> str:
    """Run a command that sees no module of the checkout; print it, its time and, unless quiet, its output. Exits if it fails."""
    words = [str(word) for word in command]
    say(f"\n$ {shlex.join(words)}")
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    environment["NEUROCHIP_CACHE"] = str(cwd / "cache")
    begun = time.monotonic()
    done = subprocess.run(words, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode or not quiet:
        say(done.stdout.rstrip())
    if done.returncode:
        sys.exit(f"release-check: {words[0]} ended with exit code {done.returncode}")
    say(f"({time.monotonic() - begun:.0f} s)")
    return done.stdout


def build(place: Path) -> tuple[Path, Path]:
    """Build the sdist from what is tracked, and the wheel from the sdist; check them and leave them in dist/. Returns their paths there."""
    source = copy_tracked(place / "source")
    run(sys.executable, "-m", "build", "--outdir", place / "dist", source, cwd=place, quiet=True)
    sdist, wheel = next((place / "dist").glob("*.tar.gz")), next((place / "dist").glob("*.whl"))
    run(sys.executable, "-m", "twine", "check", "--strict", sdist, wheel, cwd=place)
    run(Path(sys.executable).parent / "check-wheel-contents", wheel, cwd=place)
    (ROOT / "dist").mkdir(exist_ok=True)
    return Path(shutil.copy2(sdist, ROOT / "dist")), Path(shutil.copy2(wheel, ROOT / "dist"))


def use(wheel: Path, place: Path) -> float:
    """Install the wheel into an empty environment and run an experiment through its report. Returns the accuracy, 0 .. 1."""
    venv.create(place / "environment", with_pip=True)
    programs = place / "environment" / "bin"
    run(programs / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel, cwd=place)
    where = run(programs / "python", "-c", "import neurochip; print(neurochip.__file__)", cwd=place)
    if not Path(where.strip()).is_relative_to((place / "environment").resolve()):
        sys.exit(f"release-check: neurochip was imported from {where.strip()}, not from the environment's own packages")
    run(programs / "neurochip", "info", cwd=place, quiet=True)
    settings = [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]
    run(programs / "neurochip", "run", EXPERIMENT, *settings, "--out", "run", cwd=place)
    (place / "run" / "report.html").unlink()
    run(programs / "neurochip", "report", "run", cwd=place, quiet=True)
    missing = [name for name in OF_A_RUN if not (place / "run" / name).is_file()]
    if missing:
        sys.exit(f"release-check: the run has no {', '.join(missing)}")
    return json.loads((place / "run" / "summary.json").read_text(encoding="utf-8"))["accuracy"]["test"]


def main() -> None:
    """Do all of it in a temporary folder, and say what was done."""
    with tempfile.TemporaryDirectory(prefix="neurochip-release-") as folder:
        place = Path(folder).resolve()
        sdist, wheel = build(place)
        accuracy = use(wheel, place)
    settings = ", ".join(f"{key} = {value}" for key, value in SETTINGS.items())
    say(f"\nrelease-check: {sdist.relative_to(ROOT)} and {wheel.relative_to(ROOT)} are built and checked.")
    say(f"The wheel alone, in an empty environment, ran {EXPERIMENT} ({settings}) through its report: test accuracy {accuracy:.1%}.")


if __name__ == "__main__":
    main()
