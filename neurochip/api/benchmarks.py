"""How fast this machine simulates; results as plain data, which `neurochip bench --json` prints."""

from typing import Any


def measure_speed(quick: bool = False) -> dict[str, Any]:
    """Measure synaptic operations per second in training and inference against the best this machine does at adding weight rows.

    quick: fewer repeats, and no table of how the time grows with ticks and neurons.
    """
    from neurochip.bench.speed import measure

    return measure(quick)


def measure_corners(quick: bool = False) -> dict[str, Any]:
    """Measure training and inference of the main job and of settings that are slower, side by side; quick: fewer repeats."""
    from neurochip.bench.corners import measure

    return measure(quick)


def measure_network(quick: bool = False) -> dict[str, Any]:
    """Measure packet hops per second of the network-on-chip on a 16 x 16 mesh at several loads; quick: at one."""
    from neurochip.bench.noc import measure

    return measure(quick)


def measure_scaling(quick: bool = False) -> dict[str, Any]:
    """Measure the time of a tick against its spikes, with 100,000 neurons on 128 cores; quick: fewer repeats."""
    from neurochip.bench.scale import measure

    return measure(quick)
