"""Builds of the RTL that tests will ask for, made while another process compiles kernels: all, or until the file named as argument exists.

Run as a program, with NUMBA_DISABLE_JIT=1, so that nothing is compiled here. A test that finds a library missing builds it.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from neurochip.common.errors import NeurochipError
from neurochip.cosim import verilator
from neurochip.cosim.core import cases
from neurochip.cosim.leaky import lockstep as leaky
from neurochip.cosim.leaky.rtl import bank_library
from neurochip.cosim.mesh import ticks as mesh_ticks
from neurochip.cosim.mesh.lockstep import mesh_library
from support import leaky_faults, mesh_faults
from support.rtl_tools import mutated


def builds(folder: Path) -> Iterator[Callable[[], object]]:
    """The largest first; faulty modules lie in `folder`, their libraries where all are: the name is a hash of what they say."""
    yield verilator.precompile_header
    for case in cases.CASES:
        yield partial(cases.case_library, case)
    for mesh in mesh_ticks.MESHES:
        yield partial(mesh_library, mesh)
    for bank in leaky.BANKS:
        yield partial(bank_library, bank)
    for number, changes in enumerate(mesh_faults.MUTANTS.values()):
        faulty = mutated(mesh_faults.SOURCES, folder / f"noc{number}", *changes)
        yield partial(mesh_library, mesh_faults.SMALL, faulty, lenient=True)
    for number, changes in enumerate(leaky_faults.MUTANTS.values()):
        faulty = mutated(leaky_faults.OWN, folder / f"leaky{number}", *changes)
        yield partial(bank_library, leaky_faults.SMALL, faulty, lenient=True)


def main(stop: Path) -> None:
    """Build until `stop` exists."""
    with tempfile.TemporaryDirectory() as folder:
        for build in builds(Path(folder)):
            if stop.exists():
                return
            build()


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except NeurochipError as error:
        sys.exit(f"no builds of the RTL ahead of its tests: {error}")
