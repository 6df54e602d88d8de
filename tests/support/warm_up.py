"""The start of a whole suite on several processes with an empty cache: one compiles the kernels that imports compile, another builds RTL.

Without it each process compiles all kernels, a minute and a half of processor time, at the same time and for itself.
"""

import fcntl
import os
import subprocess
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from neurochip._compile_cache import set_cache_folder

COMPILED_ON_IMPORT = ("neurochip.core.engine", "neurochip.cosim.core.cycles")
TESTS = Path(__file__).parents[1]


def warm_up(worker: str) -> None:
    """Return when the kernels are compiled. worker: its name among xdist's, "gw0", "gw1", ..."""
    cache = set_cache_folder()
    done = cache / "compiled_for_tests"
    if worker == "gw1" and not done.exists():
        env = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}"}
        subprocess.run([sys.executable, str(TESTS / "support" / "rtl_builds.py"), str(done)], env=env, check=False)
    with (cache / "compiling_for_tests").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # whoever comes second finds everything in the cache
        with suppress(Exception):  # the collection of tests says what is wrong
            for module in COMPILED_ON_IMPORT:
                import_module(module)
        done.touch()
