"""Networks at the corners of what a chip can be, each with the events that it must and must not meet."""

from dataclasses import replace

from neurochip.core.events import Event
from support.chip_nets import BY_TRACE, HIDDEN, LIF, TIMED, Net, conv, dense, pool

RICH = Net(
    planes=(2, 6, 6),
    layers=(
        conv(3, 3, padding=1, pool=2), conv(2, 2, neuron=LIF), dense(6, skip=["layer0"], **HIDDEN), dense(4, initial_gain=2.0),
    ),
    mapping={"layer0": {"rows": 2, "columns": 1, "cores": 2}, "layer1": {"cores": 2}, "layer2": {"cores": 3}},
    learn_rate=0.5**7, images=("random", "white"), ticks=8,
)  # fmt: skip


IF = {"model": "if", "threshold": 0.8, "state_bits": 12}


RIVALS = {"model": "if", "threshold": 0.5, "inhibit": True, "reset": "subtract", "state_bits": 9}


POOLED = Net(
    planes=(2, 8, 8),
    layers=(
        conv(4, 3, padding=1, neuron=IF), pool(2, neuron={"model": "lif", "leak_shift": 4, "threshold": 0.75, "state_bits": 8}),
        conv(4, 3, padding=1, initial_gain=3.0, neuron=IF), pool(2), dense(4, neuron={"model": "accumulate", "leak_shift": 5}),
    ),
    mapping={"layer0": {"rows": 2}, "layer1": {"rows": 2, "cores": 2}, "layer2": {"cores": 2}, "layer3": {"columns": 2, "cores": 2}},
    rule=None, ticks=8, images=("random", "white"),
)  # fmt: skip


FAR = Net(
    planes=(3, 4, 4), rule=None, corners="low", images=("white", "random"), ticks=16,
    layers=(
        conv(3, 3, weight_bits=16, frac_bits=10, neuron={"model": "lif", "leak_factor": 255, "threshold": 4000.0, "state_bits": 23}),
        dense(3, weight_bits=16, neuron={"model": "accumulate", "leak_factor": 256, "state_bits": 23}),
    ),
)  # fmt: skip


def wide(net: Net, state_bits: int) -> Net:
    """The same with potentials of that width."""
    return replace(net, layers=tuple({**layer, "neuron": {**layer["neuron"], "state_bits": state_bits}} for layer in net.layers))


SMALL = Net(
    planes=(1, 4, 4), layers=(conv(2, 3, padding=1, neuron=IF), pool(2), dense(3, neuron={"model": "accumulate"})),
    mapping={"layer0": {"rows": 2}, "layer1": {"cores": 2}}, mesh={"width": 2, "height": 3, "fifo_depth": 1, "core_stalls": True},
    cycles=dict.fromkeys(TIMED, 1), rule=None, ticks=6,
)  # fmt: skip


RESIDUAL = Net(
    planes=(1, 6, 6),
    layers=(
        conv(4, 3, padding=1, neuron=IF), pool(2),
        conv(3, 3, padding=1, neuron=IF), pool(1, source="layer1", neuron={"model": "if", "threshold": 1.0}),
        conv(4, 3, padding=1, source="layer2", skip=["layer3"], skip_identity=True, neuron=IF),
        dense(4, neuron={"model": "accumulate", "leak_factor": 253}),
    ),
    rule=None, ticks=9, images=("random", "white"),
)  # fmt: skip


CORNERS = {
    "all black": (replace(RICH, images=("black",) * 3), None, Event.WEIGHT_UPDATE),
    "all white": (replace(RICH, images=("white",) * 3), None, Event.WEIGHT_UPDATE),
    "no warm-up": (replace(RICH, warmup=0, read_from=0), None, Event.WEIGHT_UPDATE),
    "frozen": (replace(RICH, rule=None), Event.BIAS_UPDATE, Event.READOUT),
    "learning never": (replace(RICH, learn_rate=0.0), Event.WEIGHT_UPDATE, Event.LEARN_DECISION),
    "learning surely": (replace(RICH, learn_rate=1.0), None, Event.WEIGHT_UPDATE),
    "events arrive": (replace(RICH, has_events=True), Event.INPUT_LOAD, Event.SPIKE_IN),
    "columns by rows": (replace(RICH, port="plain", word_bits=17), Event.COLUMN_READ, Event.ERROR_OUT),
    "columns by port": (replace(RICH, word_bits=24), None, Event.COLUMN_READ),
    "narrow sums behind a skip": (replace(RICH, acc_bits=8), None, Event.ACC_SATURATED),
    "narrow error sums": (replace(RICH, back_bits=8, error_gain=2, corners="mixed"), None, Event.ACC_SATURATED),
    "a shared kernel at its rails": (
        Net(
            layers=(conv(2, 3, weight_bits=3, frac_bits=2), dense(3)), mapping={"layer0": {"rows": 2}}, warmup=0, images=("sparse",) * 4,
            corners="mixed",
        ),
        None, Event.UPDATE_LOST,
    ),
    "errors from four cores cancel": (
        Net(
            layers=(conv(2, 3), dense(8, initial_gain=2.0, initial_bias=0.5), dense(4, initial_gain=8.0)),
            mapping={"layer1": {"cores": 4}}, error_gain=3, learn_rate=0.001, images=("sparse",) * 4,
        ),
        None, Event.ERROR_CANCELLED,
    ),
    "errors at shut gates": (
        Net(layers=(conv(2, 3, neuron={"model": "if", "threshold": 0.1, "refractory_ticks": 3}), dense(3, initial_gain=4.0)), error_gain=3),
        None, Event.ERROR_GATED,
    ),
    "a potential at its rail": (
        Net(layers=(conv(2, 3, initial_gain=9.0, neuron={"model": "if", "threshold": 1.0, "state_bits": 8}), dense(3))),
        None, Event.ACC_SATURATED,
    ),
    "a tile for every location": (
        Net(planes=(1, 4, 4), layers=(conv(2, 3, padding=1), dense(3)), mapping={"layer0": {"rows": 4, "columns": 4}}), None, Event.ADDRESS,
    ),
    "a stride that skips inputs": (Net(layers=(conv(2, 1, stride=2), dense(3))), None, Event.WEIGHT_UPDATE),
    "a stride that skips units": (Net(layers=(conv(2, 2), conv(2, 1, stride=2), dense(3, initial_gain=4.0))), None, Event.WEIGHT_UPDATE),
    "one kernel over all": (Net(planes=(1, 3, 3), layers=(conv(2, 3, padding=0), dense(3))), None, Event.WEIGHT_UPDATE),
    "pools in tiles and maps": (POOLED, Event.ERROR_IN, Event.ADDRESS),
    "pools in one piece": (replace(POOLED, mapping={}), Event.WORD_WRITE, Event.ADDRESS),
    "pools behind events": (
        replace(POOLED, layers=(pool(2), *POOLED.layers), planes=(2, 16, 16), has_events=True, ticks=6), Event.INPUT_LOAD, Event.ADDRESS,
    ),
    "a pool that saturates": (
        Net(rule=None, acc_bits=8, layers=(pool(1), pool(1, frac_bits=8), dense(3))), Event.WORD_WRITE, Event.ACC_SATURATED,
    ),
    "a share rounded up": (
        Net(rule=None, planes=(2, 6, 6), layers=(pool(3, frac_bits=4), conv(2, 1), dense(3)), mapping={"layer0": {"cores": 2}}),
        None, Event.ADDRESS,
    ),
    "a pool of 25": (Net(rule=None, planes=(2, 5, 5), layers=(pool(5, frac_bits=10), dense(3))), None, Event.ADDRESS),
    "potentials of 23 bits": (FAR, Event.ERROR_IN, Event.ACC_SATURATED),
    "potentials of 24 bits": (wide(FAR, 24), Event.ERROR_IN, Event.ACC_SATURATED),
    "potentials of 32 bits": (wide(replace(FAR, corners="mixed"), 32), Event.ERROR_IN, Event.READOUT),
    "a residual block": (RESIDUAL, None, Event.READOUT),
    "a residual block in parts": (
        replace(RESIDUAL, mapping={"layer1": {"rows": 2}, "layer2": {"cores": 2, "columns": 2}, "layer3": {"cores": 3}}),
        None, Event.READOUT,
    ),
    "a narrow sum of all ticks": (
        replace(POOLED, layers=(*POOLED.layers[:-1], dense(4, initial_gain=8.0, neuron={"model": "accumulate", "state_bits": 6}))),
        Event.ERROR_IN, Event.ACC_SATURATED,
    ),
    "answers on a mesh": (SMALL, Event.ERROR_IN, Event.READOUT),
    "traces on a mesh": (replace(SMALL, rule="by_trace", settings=BY_TRACE, has_events=True), Event.ERROR_IN, Event.WEIGHT_UPDATE),
    "inhibition among the tired": (
        Net(rule=None, layers=(conv(4, 2, initial_gain=4.0, neuron={**LIF, "inhibit": True}), conv(3, 2, neuron=RIVALS), dense(3))),
        None, Event.STATE_READ,
    ),
    "rivals in two vectors": (
        Net(planes=(1, 4, 4), rule=None, layers=(conv(18, 2, neuron=RIVALS), dense(3))), None, Event.STATE_READ,
    ),
    "an error gain of its own": (
        Net(layers=(conv(2, 3), dense(6, **HIDDEN, error_gain=3), dense(4, error_gain=8, initial_gain=4.0))), None, Event.ERROR_SATURATED,
    ),
    "a source far back": (
        Net(layers=(conv(2, 3), conv(2, 3, padding=1), conv(3, 2, source="layer0"), dense(3, skip=["layer1"], initial_gain=4.0))),
        None, Event.ERROR_OUT,
    ),
    "two layers behind the input": (
        Net(
            layers=(conv(2, 3), dense(5, source="input", **HIDDEN), dense(3, skip=["layer0"], initial_gain=4.0)), sharing="rotated",
            mapping={"layer0": {"rows": 2}, "layer1": {"cores": 2}},
        ),
        None, Event.ERROR_OUT,
    ),
    "dark after three ticks": (Net(layers=(conv(2, 3), dense(6), dense(3)), input_ticks=3, sharing="rotated"), None, Event.WEIGHT_UPDATE),
    "a skip between grids": (
        Net(planes=(1, 6, 6), layers=(conv(2, 3), conv(2, 1), conv(3, 2, stride=2, skip=["layer0"]), dense(3, skip=["layer0"]))),
        None, Event.ERROR_OUT,
    ),
}  # fmt: skip
