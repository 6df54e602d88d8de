"""The random network of `neurochip bench --scale`, made small: what it counts follows from how it is connected."""

import numpy as np
import pytest

from neurochip.bench import scale as bench_scale
from neurochip.mapping.place import Mapping


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(bench_scale, "CORES", 6)
    monkeypatch.setattr(bench_scale, "NEURONS", 40)
    monkeypatch.setattr(bench_scale, "AXONS", 48)
    return bench_scale.build()


def connections(mapping: Mapping) -> int:
    return sum(len(group.units) for place in mapping.cores[:-1] for group in place.groups)


def test_random_network_counts_what_its_connections_say(small):
    setup, state = small
    rows = [bench_scale.measure_rate(setup, state, 0.25, has_mesh, 1) for has_mesh in (False, True)]
    for row in rows:
        assert 0.1 < row["spikes"] / (5 * 40) < 0.4
        assert row["hops"] > row["arrivals"] > 0
        assert row["us_per_tick"] > 0
    mapping = bench_scale.random_mapping(setup)
    assert connections(mapping) == 5 * 48
    of_output = sum(len(group.units) for group in mapping.cores[-1].groups)
    assert of_output == 48
    assert all(list(place.targets) == sorted(place.targets) for place in mapping.cores)


def test_a_mesh_changes_no_spike(small):
    setup, state = small
    counts = []
    for has_mesh in (False, True):
        state.counts[:] = 0
        for c in range(5):
            bench_scale.memory_of(state, c)[1][:40] = 800
        state.rng_neuron[:] = np.arange(1, len(state.rng_neuron) + 1)
        bench_scale.measure_rate(setup, state, 0.2, has_mesh, 2)
        counts.append(state.counts.copy())
    assert np.array_equal(*counts)


def test_line_through_exact_points():
    rows = [{"spikes": float(n), "us_per_tick": 3.0 + 0.5 * n} for n in (1, 2, 4, 8)]
    found = bench_scale.fit(rows)
    assert found["fixed_us"] == pytest.approx(3.0) and found["ns_per_spike"] == pytest.approx(500.0)
    assert found["r2"] == pytest.approx(1.0) and found["worst"] < 1e-9
