"""What a core keeps for a rule, by unit: states of axons and neurons, tags; packed as the configuration port has them."""

from collections.abc import Mapping, Sequence

import numpy as np

from neurochip.core.language.described import Description
from neurochip.core.state import ChipState
from neurochip.core.vectors import P
from neurochip.cosim.rule.core_modules import RuleHardware, Slot
from neurochip.simulator.memories import memory_of


class CoreView:
    """Views of core c in a chip: changing them changes the chip."""

    def __init__(self, state: ChipState, c: int, rule: Description, has_levels: bool = False) -> None:
        """Look at core c; has_levels: its memory keeps one bit of a weight, which is one if it is at the high level."""
        param = state.param[c]
        axons, neurons, slots = int(param[P.N_AXONS]), int(param[P.N_NEURONS]), int(param[P.LOCATIONS] * param[P.STRIDE])
        self.high = int(param[P.WEIGHT_MAX]) if has_levels else None
        self.weight, bias = (array[..., :neurons] for array in memory_of(state, c))
        self.bias = bias
        self.axon: dict[str, np.ndarray] = {}
        self.neuron: dict[str, np.ndarray] = {}
        self.tag: dict[str, np.ndarray] = {}
        if not rule.keeps_states:
            at = int(param[P.AXON_AT])
            self.axon = dict.fromkeys(rule.axon, state.axon_trace[at : at + axons])
            return
        at = len(rule.axon) * int(param[P.AXON_AT])
        self.axon = {name: state.axon_state[at + k * axons : at + (k + 1) * axons] for k, name in enumerate(rule.axon)}
        at = len(rule.neuron) * int(param[P.NEURON_AT])
        self.neuron = {name: state.neuron_state[at + k * slots : at + k * slots + neurons] for k, name in enumerate(rule.neuron)}
        rows, stride = int(param[P.ROWS]), int(param[P.STRIDE])
        at, n = len(rule.synapse) * int(param[P.WEIGHT_AT]), rows * stride
        self.tag = {
            name: state.tag[at + k * n : at + (k + 1) * n].reshape(rows, stride)[:, :neurons] for k, name in enumerate(rule.synapse)
        }

    def fields(self, weight_bits: int, tags: Sequence[Slot]) -> np.ndarray:
        """Return what the memory holds of each weight, its tags above it: int64 (rows, neurons)."""
        stored = 1 if self.high is not None else weight_bits
        values = (
            (self.weight == self.high).astype(np.int64) if self.high is not None else self.weight.astype(np.int64) & (1 << weight_bits) - 1
        )
        for slot in tags:
            values |= (self.tag[slot.name] & (1 << slot.bits) - 1) << stored + slot.at
        return values

    def copies(self) -> dict[str, np.ndarray]:
        """Copy everything, by name."""
        kept = {f"{name} of axons": array for name, array in self.axon.items()}
        kept |= {f"{name} of neurons": array for name, array in self.neuron.items()} | {
            f"tag {name}": array for name, array in self.tag.items()
        }
        return {name: array.copy() for name, array in ({"weight": self.weight, "bias": self.bias} | kept).items()}


def packed(values: Mapping[str, int], slots: Sequence[Slot]) -> int:
    """Put numbers where their slots are: one integer."""
    return sum((int(values[slot.name]) & (1 << slot.bits) - 1) << slot.at for slot in slots)


def slices_of(whole: Sequence[int], bits: int) -> np.ndarray:
    """Cut integers of so many bits into slices of 32, those of one after another: uint32."""
    n = -(-bits // 32)
    return np.array([one >> 32 * k & 0xFFFFFFFF for one in whole for k in range(n)], dtype=np.uint32)


def state_slices(arrays: Mapping[str, np.ndarray], slots: Sequence[Slot]) -> np.ndarray:
    """Return states as the configuration port shows them; none of a rule that keeps none."""
    if not slots:
        return np.zeros(0, dtype=np.uint32)
    n, bits = len(arrays[slots[0].name]), sum(slot.bits for slot in slots)
    return slices_of([packed({name: array[i] for name, array in arrays.items()}, slots) for i in range(n)], bits)


def register_values(state: ChipState, c: int, hardware: RuleHardware) -> dict[str, int]:
    """Return what stands in the registers of core c's rule, by name; widths' ends as a binary rule reads them."""
    param = state.param[c]
    known = {
        "at_work": P.LEARNS, "sweep_ticks": P.SWEEP_TICKS, "trace_peak": P.TRACE_PEAK, "trace_factor": P.TRACE_FACTOR,
        "w_min": P.WEIGHT_MIN, "w_max": P.WEIGHT_MAX,
    }  # fmt: skip
    values = {name: int(param[at]) for name, at in known.items()}
    return values | {name: int(value) for name, value in zip(hardware.description.registers, state.rule_param[c], strict=True)}


def register_slices(state: ChipState, c: int, hardware: RuleHardware) -> np.ndarray:
    """Return the registers of core c's rule as the configuration port shows them."""
    return slices_of([packed(register_values(state, c, hardware), hardware.registers)], hardware.register_bits)
