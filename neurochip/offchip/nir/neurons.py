"""Neurons of NIR, equations in continuous time, as steps of a tick; and what of a step the chip's integers can do.

    IF, I           dv/dt = r I
    LIF, LI         tau dv/dt = v_leak - v + r I
    CubaLIF, CubaLI the same behind tau_syn dI/dt = -I + w_in S
    Threshold       fires where I > threshold, and remembers nothing

A neuron fires where v > v_threshold and falls to v_reset. Over a tick of dt, v' = leak v + gain I + (1 - leak) v_leak: of Euler's step
leak is 1 - dt / tau and gain r dt / tau, of the exact one exp(-dt / tau) and r (1 - leak). Counted from v_reset on, as the chip does, a
potential begins at 0 and is set to 0. Of CubaLIF either equation makes its step with the other's value held: first I' = current_leak I + S,
then v' = leak v + gain I', gain being that of both; where tau_syn is dt, Euler's step leaves no current behind, and the neuron is an LIF.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from neurochip.offchip.nir.file import NEURONS, Node

Integration = Literal["euler", "exact"]
LIKE_ONE = 1e-6  # a gain so close to 1 is 1, in the float32 of exporters
GONE = 1e-4  # what is left of a current where tau_syn is dt in float32
FULL = 256  # of leak_factor


class Membrane(NamedTuple):
    """A step of a node's neurons, v' = leak v + gain I + drift, v counted from the reset; float64 arrays over the units, or of one."""

    leak: np.ndarray
    gain: np.ndarray
    drift: np.ndarray
    span: np.ndarray | None  # a unit fires above it; None of one that only adds up
    current_leak: np.ndarray = np.zeros(1)  # of the synapses; 0: their current is gone after a tick

    @property
    def has_current(self) -> bool:
        """True if a current outlasts its tick."""
        return bool(self.current_leak.any())

    def leak_on_chip(self) -> tuple[dict[str, int], float, float]:
        """Return the keys of `neuron` with the nearest leak (none: no leak), what it is, and its largest difference from a unit's."""
        return _on_chip(self.leak)

    def current_leak_on_chip(self) -> tuple[dict[str, int], float, float]:
        """Return the same of the current, whose keys begin with current_."""
        keys, used, error = _on_chip(self.current_leak)
        return {f"current_{key}": value for key, value in keys.items()}, used, error


def _on_chip(leaks: np.ndarray) -> tuple[dict[str, int], float, float]:
    wanted = np.unique(leaks)
    keys = leak_keys(float(np.median(wanted)))
    used = leak_of(keys)
    return keys, used, float(np.abs(wanted - used).max())


def leak_keys(leak: float) -> dict[str, int]:
    """Return the keys of a neuron whose factor on the potential is nearest to `leak`."""
    if leak == 1.0:
        return {}
    found = {"leak_factor": int(np.floor(FULL * leak + 0.5))}
    shift = int(np.clip(np.rint(-np.log2(1.0 - leak)), 1, 15)) if leak > 0 else 1
    by_shift = {"leak_shift": shift}
    return by_shift if abs(leak_of(by_shift) - leak) < 0.5 * abs(leak_of(found) - leak) else found


def leak_of(keys: dict[str, int]) -> float:
    """Return the factor that these keys stand for."""
    return keys["leak_factor"] / FULL if "leak_factor" in keys else 1.0 - 2.0 ** -keys["leak_shift"] if keys else 1.0


def membrane_of(node: Node, dt: float | None, integration: Integration, refuse: Callable[[str], Exception]) -> Membrane:
    """Return a step of a spiking or integrating node. dt: seconds, None if r of the graph's neurons is their gain of a step.

    Raises what `refuse` makes of a reason, which names the parameter.
    """

    def of(key: str, default: float | None) -> np.ndarray:
        if key not in node.values and default is None:
            raise refuse(f"it has no {key}; give an undamaged file")
        return np.atleast_1d(np.asarray(node.values.get(key, default), np.float64))

    if node.type == "Threshold":
        return Membrane(np.zeros(1), np.ones(1), np.zeros(1), _span(of("threshold", None), np.zeros(1), refuse))
    r, reset = of("r", 1.0), of("v_reset", 0.0) if node.type in NEURONS else np.zeros(1)
    if (r <= 0).any():
        raise refuse(f"r = {float(r.min()):g} is not above 0; give positive ones")
    span = _span(of("v_threshold", None), reset, refuse) if node.type in NEURONS else None
    if node.type in ("IF", "I"):
        gain = r if dt is None else dt * r
        return Membrane(np.ones(1), _near_one(gain), np.zeros(1), span)
    assert dt is not None

    def lost_of(key: str) -> np.ndarray:
        tau = of(key, None)
        if (tau <= 0).any() or (integration == "euler" and (tau < dt * (1 - LIKE_ONE)).any()):
            raise refuse(
                f"{key} = {float(tau.min()):g} s is below a tick of dt = {dt:g} s; give a smaller network.dt, or network.integration = "
                "'exact'"
            )
        return np.minimum(dt / tau, 1.0) if integration == "euler" else -np.expm1(-dt / tau)

    if not node.type.startswith("Cuba"):
        lost = lost_of("tau")
        return Membrane(1.0 - lost, _near_one(r * lost), lost * (of("v_leak", 0.0) - reset), span)
    lost, faded, w_in = lost_of("tau_mem"), lost_of("tau_syn"), of("w_in", 1.0)
    if (w_in <= 0).any():
        raise refuse(f"w_in = {float(w_in.min()):g} is not above 0; give positive ones")
    kept, drift = np.where(1.0 - faded < GONE, 0.0, 1.0 - faded), lost * (of("v_leak", 0.0) - reset)
    if kept.any() and span is None:
        raise refuse(
            f"tau_syn = {float(of('tau_syn', None).max()):g} s: the current of a synapse outlasts a tick of {dt:g} s, and neurons of the "
            "chip that only add up have no memory for it; end in a CubaLIF or LI, or have tau_syn = dt"
        )
    if kept.any() and drift.any():
        raise refuse("v_leak is not v_reset: the chip's CubaLIF takes only its current, and has none that is constant; make them alike")
    return Membrane(1.0 - lost, _near_one(r * lost * w_in * faded), drift, span, kept)


def _span(threshold: np.ndarray, reset: np.ndarray, refuse: Callable[[str], Exception]) -> np.ndarray:
    span = threshold - reset
    if (span <= 0).any():
        raise refuse(f"v_threshold is not above v_reset: {float(span.min()):g} between them; give a higher one")
    return span


def _near_one(gain: np.ndarray) -> np.ndarray:
    return np.where(np.abs(gain - 1.0) < LIKE_ONE, 1.0, gain)
