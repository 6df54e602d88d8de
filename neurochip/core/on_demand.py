"""What most runs do not need is compiled when it is first needed: the mesh, and rules that keep states. The engine calls it by pointer."""

import functools

from numba import types

from neurochip.core.compiled import entry
from neurochip.core.cores import CHIP_STATE, CORE_STATE
from neurochip.core.handles import Handle, whole
from neurochip.core.hooks import HOOK
from neurochip.core.keeping import keeper, learn_with_states
from neurochip.core.noc.totals import carry_tick
from neurochip.core.packets import TRAFFIC

_I8 = types.int64[::1]
CARRY = types.void(Handle(TRAFFIC), types.int64)
KEEP = types.void(Handle(CHIP_STATE), Handle(CORE_STATE), types.int64, _I8, _I8, types.int64, types.int64, types.FunctionType(HOOK))


def carry(traffic, overhead):
    """Let the tick's packets travel; overhead: cycles of the barrier."""
    carry_tick(
        whole(traffic.noc),
        whole(traffic.totals),
        traffic.n[0],
        traffic.ready,
        traffic.source,
        traffic.dest,
        traffic.following,
        traffic.injected,
        traffic.ejected,
        traffic.busy,
        overhead,
        traffic.budget[0],
    )


def keep(chip, core, c, rule_param, run, tick, taught, hook):
    """Run phase 6 of core c with a rule that keeps states."""
    learn_with_states(core, keeper(chip, core, c), rule_param, chip.visited, chip.asked, run, tick, taught, hook)


def stay(traffic, overhead):
    """Stand for `carry` on a chip without a mesh, so that nothing of it is compiled."""


def forget(chip, core, c, rule_param, run, tick, taught, hook):
    """Stand for `keep` where no rule keeps states."""


@functools.cache
def on_demand(function):
    """Return one of these four, compiled when it is first needed."""
    return entry(CARRY if function in (carry, stay) else KEEP, no_cpython_wrapper=True)(function)
