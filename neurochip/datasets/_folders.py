"""Where data lies on this computer: the folders of NEUROCHIP_DATA, then the user's cache."""

import os
from collections.abc import Iterable
from pathlib import Path

from neurochip.common.errors import NeurochipError

DATA_VARIABLE = "NEUROCHIP_DATA"
CACHE_VARIABLE = "NEUROCHIP_CACHE"


def user_folders() -> list[Path]:
    """Return the folders NEUROCHIP_DATA lists (empty if unset); a NeurochipError if one of them does not exist."""
    folders = [Path(text).expanduser() for text in os.environ.get(DATA_VARIABLE, "").split(os.pathsep) if text]
    for folder in folders:
        if not folder.is_dir():
            raise NeurochipError(f"{DATA_VARIABLE}: '{folder}' is not a folder; correct the variable, or unset it to use the cache")
    return folders


def cache_folder() -> Path:
    """Return the folder that holds one folder per fetched set: `data` in NEUROCHIP_CACHE, or in the user's cache. May not exist."""
    own = os.environ.get(CACHE_VARIABLE)
    if own:
        return Path(own).expanduser() / "data"
    import platformdirs

    return Path(platformdirs.user_cache_dir("neurochip", appauthor=False)) / "data"


def data_folders() -> list[Path]:
    """Return all folders data is looked for in, in this order; a NeurochipError if NEUROCHIP_DATA is wrong."""
    return [*user_folders(), cache_folder()]


def shown(files: Iterable[Path]) -> list[Path]:
    """Return the files in order of name, without those whose name begins with a dot: other systems leave such beside every file."""
    return sorted(file for file in files if not file.name.startswith("."))
