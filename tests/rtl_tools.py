"""What the tests of the RTL need of outside programs, and the proof that two designs are the same."""

import shutil

import pytest

from neurochip.cosim.yosys import WANTED, find_yosys

needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="no iverilog; install it with `apt-get install iverilog`")
needs_yosys = pytest.mark.skipif(find_yosys() is None, reason=f"no yosys: {WANTED}")


def miter(halves: str, options: str) -> str:
    """Yosys script: `halves` leaves the designs `gold` and `gate` stashed; SAT with these options proves that no input tells them apart."""
    return f"""{halves}
design -copy-from gold -as gold gold
design -copy-from gate -as gate gate
miter -equiv -flatten -make_assert gold gate both
hierarchy -top both
select -assert-count 1 t:$assert
opt_merge
sat -verify -prove-asserts {options} both
"""
