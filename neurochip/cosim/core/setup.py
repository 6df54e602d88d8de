"""An experiment as lock-step and export take it: its chip with weights and seeds, its first training samples, its run vector."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from neurochip import datasets
from neurochip.common.errors import NeurochipError
from neurochip.common.toml import validate
from neurochip.core.state import ChipState
from neurochip.cosim.core.faulty import package_of
from neurochip.cosim.core.package import NotInRtl, package_text
from neurochip.cosim.core.rule_package import MOST_SWEEP_TICKS, hardware_of, is_generic
from neurochip.cosim.core.wiring import Wiring
from neurochip.experiment.setup import Experiment, Setup
from neurochip.mapping.place import Placement
from neurochip.simulator.build import set_rule
from neurochip.simulator.fault_list import FaultList
from neurochip.simulator.samples import load_samples
from neurochip.simulator.simulator import Simulator

MOST_GENERATORS = 4096
"""Generators of a chip that a verilated build is made for; more take minutes of g++ and gigabytes."""


class CosimJob(NamedTuple):
    """A network with its samples, to be run by the simulator and the RTL."""

    setup: Setup
    placements: list[Placement]
    state: ChipState
    wiring: Wiring
    run: np.ndarray  # int64 (Run,)
    pixels: np.ndarray  # uint8 (samples, axons)
    labels: np.ndarray  # int32 (samples,)
    package: str
    data_source: str
    faults: FaultList | None = None


def cosim_job(setup: Setup, samples: int, ticks: int | None, say: Callable[[str], None]) -> CosimJob:
    """Prepare the first `samples` training samples of an experiment, in the order of its first epoch; with `ticks` if asked for.

    Raises NeurochipError if the RTL is not the experiment's chip, or the network is too large for a build.
    """
    if ticks is not None:
        setup = _shortened(setup, ticks)
    spec, experiment, chip = setup.experiment.data, setup.experiment, setup.chip
    if datasets.holds_events(spec.name):
        raise NotInRtl(f"{setup.where}: data.name = '{spec.name}': spikes from a sensor are not in the RTL yet; use images")
    if experiment.run.input_ticks is not None:
        raise NotInRtl(f"{setup.where}: [run] input_ticks = {experiment.run.input_ticks}: the RTL's encoder never stops; leave it out")
    _check_rule(setup)
    data = load_samples(setup, say).data
    pixels = data.x_train.reshape(len(data.x_train), -1)
    simulator = Simulator(setup, data.image_shape, data.n_classes)
    text = package_text(setup, simulator.mapping, f"chip {chip.name} and the network of {experiment.name}")
    banks = sum(place.axons + place.neurons for place in simulator.placements)
    if chip.rng.sharing == "per_unit" and banks > MOST_GENERATORS:
        raise NeurochipError(
            f"{setup.where}: {banks:,} generators are too many for an RTL build (at most {MOST_GENERATORS:,}); use smaller layers, or "
            f"--set chip.rng.sharing=rotated"
        )
    if samples > len(pixels):
        raise NeurochipError(f"--samples {samples}: the experiment has {len(pixels):,} training samples; ask for fewer")
    if simulator.faults is not None:
        text = package_of(text, setup, simulator.faults, simulator.placements)
        simulator.break_if_due(0, 0)
    chosen = simulator.order(0, data.y_train)[:samples]
    set_rule(simulator.state, experiment, 0)
    run = simulator.run_vector(
        experiment.run.ticks, experiment.warmup_ticks, experiment.read_from_tick, simulator.rule.learns, simulator.exit_at()
    )
    wiring = Wiring(simulator.state, simulator.placements, chip, hardware_of(setup, simulator.mapping))
    images, labels = np.ascontiguousarray(pixels[chosen]), np.ascontiguousarray(data.y_train[chosen].astype(np.int32))
    source = data.source + (f" (substitute: {data.note})" if data.is_substitute else "")
    return CosimJob(setup, simulator.placements, simulator.state, wiring, run, images, labels, text, source, simulator.faults)


def _check_rule(setup: Setup) -> None:
    """Refuse rules that the RTL core cannot be made for. Raises NotInRtl."""
    experiment, rule = setup.experiment, setup.experiment.learning_rule
    where = f"{setup.where}: rule.name = '{experiment.rule_name}'"
    if not is_generic(rule):
        return
    if rule.text is None:
        raise NotInRtl(f"{where}: it is a kernel and no text in the language of rules, so there is no RTL of it; write its functions")
    if experiment.faults is not None:
        raise NotInRtl(f"{where} and [faults]: lock-step knows broken chips that learn by spike_backprop, or not at all; leave one out")
    if setup.chip.core.first_integrate == "delta":
        raise NotInRtl(f"{where} and [core] first_integrate = 'delta': base sums follow the steps of spike_backprop alone; use 'spikes'")
    if rule.sweeps is not None and (ticks := rule.sweeps(experiment.rule_settings)) > MOST_SWEEP_TICKS:
        raise NotInRtl(f"{where}: sweeps every {ticks} ticks: the RTL counts to {MOST_SWEEP_TICKS:,}; let them come oftener")


def _shortened(setup: Setup, ticks: int) -> Setup:
    """The experiment with so many ticks, and warm-up and read-out that fit into them if its own do not."""
    experiment, content = setup.experiment, setup.experiment.model_dump()
    content["run"]["ticks"] = ticks
    for key, first in (("warmup_ticks", experiment.warmup_ticks), ("read_from_tick", experiment.read_from_tick)):
        if first >= ticks:
            content["run"][key] = max(0, math.ceil(ticks / 2) - 1)
    if experiment.run.exit and (experiment.run.exit.min_ticks or 0) > ticks:
        content["run"]["exit"]["min_ticks"] = ticks
    return setup.model_copy(update={"experiment": validate(Experiment, content, setup.where)})
