"""Installed packages as tests need them: a folder with modules and a dist-info, as a wheel leaves it, that nobody can write to."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


def install(folder: Path, package: str, files: Mapping[str, str], entry_points: str, version: str = "1.0") -> Path:
    """Lay out `files` (paths -> texts) and the metadata of `package` in `folder`; return it."""
    info = f"{package}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
    for name, text in {**files, f"{info}/METADATA": metadata, f"{info}/entry_points.txt": entry_points}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@contextmanager
def read_only(folder: Path) -> Iterator[Path]:
    """Take away the right to write from everything in `folder`, and give it back."""
    paths = [folder, *folder.rglob("*")]
    modes = {path: path.stat().st_mode for path in paths}
    for path in paths:
        os.chmod(path, modes[path] & ~0o222)
    try:
        yield folder
    finally:
        for path in paths:
            os.chmod(path, modes[path])
