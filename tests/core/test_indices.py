"""No kernel of the engine has an index outside its array; run as a program, this file looks at each index of the interpreted kernels.

The compiled ones have the same indices: on these chips they give the same bits (here, and against the oracle in test_chip_oracle.py).
`make bounds` compiles the engine anew with checked indices, two minutes and a half of processor time, and runs some of these chips.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.checked_arrays import Checked, checked, indices_checked, kernels
from support.chip_check import check
from support.chip_corners import CORNERS, SMALL
from support.chip_faults import SHARES
from support.chip_nets import CUBA, LIF, Net, conv, dense
from support.digests import in_a_new_process, tiny_digests

from neurochip.checks.rule import lines_of
from neurochip.checks.tiny_chips import outcomes_of
from neurochip.core.engine import FEW, put_back
from neurochip.core.memory import add_rows_saturating, words_touched
from neurochip.experiment.rules import find_rule

DENSE = Net(planes=(1, 4, 4), layers=(dense(9, initial_gain=4.0), dense(7, initial_gain=4.0), dense(3)), warmup=0, ticks=12)
NETS = (
    SMALL,
    *(CORNERS[name][0] for name in ("traces on a mesh", "inhibition among the tired", "rivals in two vectors")),
    CORNERS["a stride that skips units"][0],
    CORNERS["potentials of 32 bits"][0],
    Net(
        planes=(1, 4, 4), layers=(conv(2, 2), conv(2, 2), dense(3, initial_gain=4.0)), back_bits=8, error_gain=3, warmup=0, ticks=8,
        mesh={"width": 2, "height": 2, "fifo_depth": 2, "core_stalls": True},
    ),
    Net(planes=(1, 8, 8), layers=(conv(2, 3), conv(2, 3), dense(3, initial_gain=4.0)), error_gain=3, warmup=0, ticks=8),
    Net(planes=(1, 4, 4), layers=(dense(5, neuron=CUBA, initial_gain=4.0), dense(3)), warmup=0, ticks=8),
    Net(planes=(1, 4, 4), layers=(dense(5, recurrent=True, neuron=LIF, initial_gain=4.0), dense(3)), warmup=0, ticks=8),
    replace(DENSE, streams="split"),
    *(replace(DENSE, feedback="direct", told_by=told_by, told_one_in=2) for told_by in ("class", "winner")),
    replace(DENSE, faults=dict.fromkeys(SHARES, 0.1) | {"flip_rate": 0.02, "loss_rate": 0.01}),
)  # fmt: skip
"""With the tiny chips, a rule of binary weights and rules that keep states they run every kernel."""

RULES = Path(__file__).parents[1] / "support" / "rules"
OTHERS = ("stochastic_stdp", *(str(RULES / f"{name}.py") for name in ("by_hand", "rewarded", "two_traces")))


def outcomes(rule: str) -> list[str]:
    """What a rule does to the tiny chips of its checks."""
    return lines_of(list(outcomes_of(find_rule(rule), rule)))


@pytest.mark.slow
def test_no_index_out_of_bounds():
    """Every kernel is run, and the chips come out as those of compiled, unchecked code."""
    assert in_a_new_process([__file__], NUMBA_DISABLE_JIT="1") == [
        *tiny_digests(),
        *(line for rule in OTHERS for line in outcomes(rule)),
        "not run: []",
    ]


@pytest.mark.parametrize("index", [3, -1, np.int32(3), (0, 2), (-1, 0), (slice(0, 4), 0), slice(-1, None), np.uint64(2**63)], ids=str)
def test_an_index_outside_is_refused(index):
    array = checked(np.zeros((3, 2)))
    with pytest.raises(IndexError, match=r"in an array of \(3, 2\)"):
        array[index]
    with pytest.raises(IndexError, match=r"in an array of \(3, 2\)"):
        array[index] = 1
    assert not array.any()


def test_views_are_checked_too():
    array = checked(np.zeros((3, 2)))
    for view in (array[1], array[0:2], array.reshape(-1)[2:4].reshape((1, 2))):
        assert isinstance(view, Checked)
        with pytest.raises(IndexError):
            view[-1]


def rare() -> None:
    """What no chip of these needs: sums of almost 32 bits that clamp, and lists in no order."""
    sums = checked(np.zeros(16, np.int32))
    assert add_rows_saturating(sums, checked(np.ones((3, 16), np.int16)), checked(np.array([2, 0], np.int32)), 2, -5, (1 << 31) - 1) == 0
    assert (np.asarray(sums) == 2).all() and words_touched(checked(np.array([5, 1, 4], np.int32)), 3, 2) == 2


def probed() -> None:
    """What the gradient probe alone asks for: values put back after a sample, of which one in two blocks has changed."""
    values, kept, moved = (checked(np.zeros(FEW + 3, dtype)) for dtype in (np.int16, np.int16, np.int64))
    values[FEW + 1] = 5
    put_back(values, kept, moved)
    assert not np.asarray(values).any() and np.asarray(moved).tolist() == [0] * (FEW + 1) + [5, 0]


def main() -> None:
    """What the first test asks of a new process."""
    with tempfile.TemporaryDirectory() as folder, indices_checked() as run:
        print("\n".join((*tiny_digests(), *(line for rule in OTHERS for line in outcomes(rule)))))
        for net in NETS:
            check(replace(net, images=net.images[:1]), Path(folder))
        rare()
        probed()
    print("not run:", sorted(kernels() - run))


if __name__ == "__main__":
    main()
