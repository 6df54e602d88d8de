"""The folder of Numba's compiled code, named by a digest of `core/` without rules and their language, the cycle writer and its record.

Numba's own cache looks only at the file of the kernel itself; all other kernels call only those of their own file and of `core/`. A rule is
called as a first-class function alone; its code lies in a folder of its own in there, named by its sources and the language's
(core/hooks.py). So nothing is stale.
Imported before anything that imports numba.
"""

import os
import re
import shutil
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

KEPT = 16  # folders of other digests that stay, newest first: of other checkouts too, which would else drop each other's


def source_digest(package: Path) -> str:
    """Return 16 hex digits over path and content of every file of kernels, and what else changes code that Numba's key leaves out."""
    digest = sha256(f"boundscheck={os.environ.get('NUMBA_BOUNDSCHECK', '')}".encode())
    core, cosim = package / "core", package / "cosim" / "core"
    kernels = [path for path in core.rglob("*.py") if path.parent not in (core / "rules", core / "language")]
    for path in sorted([*kernels, cosim / "cycles.py", *cosim.glob("*record*.py")]):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def user_cache() -> Path:
    """Return NEUROCHIP_CACHE, else the user's cache folder."""
    if folder := os.environ.get("NEUROCHIP_CACHE"):
        return Path(folder).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neurochip"


def set_cache_folder() -> Path:
    """Point Numba at the folder of this source digest; drop folders of old digests, keeping the newest few."""
    name = f"numba-{source_digest(Path(__file__).parent)}"
    try:
        base = Path(os.environ.get("NUMBA_CACHE_DIR") or user_cache())
        folder = (base.parent if re.fullmatch("numba-[0-9a-f]{16}", base.name) else base) / name  # a child process inherits the variable
        if not folder.exists():
            folder.mkdir(parents=True)
            _drop_old(folder)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied", str(folder))
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home folder
        folder = _temporary() / name
        print(f"neurochip: no cache for compiled code ({error}), {folder} is used; NEUROCHIP_CACHE can name a folder", file=sys.stderr)
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    if "numba" in sys.modules:  # imported earlier by the user's script: the variable alone is then ignored
        sys.modules["numba"].config.CACHE_DIR = str(folder)
    return folder


def _drop_old(folder: Path) -> None:
    others = [p for p in folder.parent.glob("numba-????????????????") if p.is_dir() and p != folder]
    for old in sorted(others, key=lambda p: p.stat().st_mtime, reverse=True)[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


def _temporary() -> Path:
    """A folder below the system's temporary one that nobody else can write: compiled code is loaded from it."""
    folder = Path(tempfile.gettempdir()) / f"neurochip-{os.getuid() if hasattr(os, 'getuid') else 'user'}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        facts = folder.lstat()
        if folder.is_symlink() or (hasattr(os, "getuid") and (facts.st_uid != os.getuid() or facts.st_mode & 0o022)):
            raise PermissionError
    except OSError:
        return Path(tempfile.mkdtemp(prefix="neurochip-"))
    return folder
