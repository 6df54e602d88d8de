"""A small run directory made to docs/run_format.md, in which every sum is consistent: for tests of what reads run directories.

`python tests/support/make_run.py FOLDER` leaves one behind to look at.
"""

import hashlib
import json
import sys
from pathlib import Path

import h5py
import numpy as np

from neurochip.core.events import COMPONENT, N_EVENTS, N_PHASES, Event, Phase
from neurochip.core.noc.state import PORTS
from neurochip.core.noc.totals import NocTotal
from neurochip.runfile.ticks import ticks_to_final
from neurochip.runner.ann_twin import constants
from neurochip.simulator import noc_verdict as noc_report
from neurochip.simulator.noc import Mesh, empty_totals

TICKS, EPOCHS, N_TRAIN, N_TEST, WORD_BITS, CLOCK_MHZ, CLASSES, INPUTS = 16, 3, 60_000, 10_000, 64, 100.0, 10, 784
PRICE_PJ = np.linspace(0.2, 3.1, N_EVENTS)
PRICE_PJ[[Event.ERROR_GATED, Event.UPDATE_LOST, Event.ACC_SATURATED, Event.ERROR_SATURATED]] = 0
KEYS = {
    "spikes_out": [Event.SPIKE_OUT],
    "errors_out": [Event.ERROR_OUT],
    "errors_gated": [Event.ERROR_GATED],
    "spikes_in": [Event.SPIKE_IN],
    "synapse_word_reads": [Event.WORD_READ],
    "synapse_word_writes": [Event.WORD_WRITE],
    "column_reads": [Event.COLUMN_READ],
    "rng_draws": [Event.RNG_DRAW],
    "weight_updates": [Event.WEIGHT_UPDATE, Event.BIAS_UPDATE],
    "lost_updates": [Event.UPDATE_LOST],
    "saturations": [Event.ACC_SATURATED, Event.ERROR_SATURATED],
}


def make_run(
    folder: Path, hidden=(200,), weight_bits=8, frac_bits=6, reference=True, substitute=False, name="mnist-mlp", seed=1, parts=1, mesh=None,
    tick_us=None, method=None, is_old=False, test_ticks=TICKS, speed=1.0,
    exit_margin=None,
) -> Path:  # fmt: skip
    """Write `summary.json` and `run.h5` of a synthetic run with layers hidden + (10,) into `folder`; returns `folder`.

    The first layer is cut into `parts`; with a mesh (width, height) of a chip cores sit on it row by row. `method`: of a training off the
    chip; is_old: as before accuracies by tick were kept; `speed`: how soon the accuracy rises with the ticks; exit_margin: of samples that
    end early, 0: that do not, but with the margins that would end them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    neurons = (*hidden, CLASSES)
    axons = (INPUTS, *hidden)
    experiment = {"name": name, "seed": seed, "layers": list(neurons), "training": {"epochs": EPOCHS, "ticks": TICKS, "learn_rate": 4e-4}}
    digest = hashlib.sha256(json.dumps(experiment).encode()).hexdigest()
    samples = {"train": [N_TRAIN] * EPOCHS, "test": [N_TEST] * EPOCHS}
    layers = []
    with h5py.File(folder / "run.h5", "w") as file:
        for i, shape in enumerate(zip(axons, neurons, strict=True)):
            layers.append(_write_layer(file, i, shape, weight_bits, frac_bits, samples, rng))
            layers[-1]["cores"] = parts if i == 0 else 1
        cores = [core for i, layer in enumerate(layers) for core in _write_cores(file, i, layer, mesh, samples)]
        network = _network(file, cores, Mesh(*mesh), tick_us, samples) if mesh else None
        _write_raster(file, neurons, rng)
        accuracy = _accuracy(file, reference, rng)
        if not is_old:
            accuracy |= _by_tick(accuracy["test"], test_ticks, speed, method)
        probe = _probe(file, layers, rng) if reference else None
        for which, n in samples.items():
            file[f"samples/{which}"] = np.array(n)
            file[f"samples/{which}"].attrs["ticks"] = TICKS
        file.attrs.update(
            format=2,
            name=name,
            seed=seed,
            version="0.1.0",
            experiment_sha256=digest,
            git_revision="0" * 40,
            experiment=json.dumps(experiment),
        )
        file.attrs.update(events=json.dumps([e.name for e in Event]), phases=json.dumps([p.name for p in Phase]))
    summary = {
        "format": 2,
        "name": name,
        "seed": seed,
        "version": "0.1.0",
        "experiment_sha256": digest,
        "experiment": experiment,
        "dataset": {
            "name": "mnist",
            "source": "made up by tests/support/make_run.py" if substitute else "IDX files of the original set, checksums verified",
            "n_train": N_TRAIN,
            "n_test": N_TEST,
            "is_substitute": substitute,
            "note": "drawn digits" if substitute else "",
        },
        "accuracy": accuracy,
        "chip": {
            **{"name": "reference", "clock_mhz": CLOCK_MHZ, "word_bits": WORD_BITS, "n_axons": 1024, "n_neurons": 256},
            **{
                "transposable": True,
                "port": "transposable",
                "lanes": None,
                "rng": "xorshift16",
                "sharing": "per_unit",
                "n_cores": 16,
                "tick_us": tick_us,
            },
            "mesh": {"width": mesh[0], "height": mesh[1], "packet_bits": 32, "fifo_depth": 4, "core_stalls": True} if mesh else None,
        },
        "energy_table": {"name": "example-28nm", "node_nm": 28, "vdd_v": 0.55, "source": "authors, venue, year"},
        "layers": layers,
        "cores": cores,
        "network": network,
        "totals": {which: _total(layers, which) for which in samples},
        "probe": probe,
        "simulation": {
            **{"wall_s": 61.0, "train_wall_s": 52.0, "test_wall_s": 9.0, "samples_per_s": 3400.0, "sops_per_s": 2.1e9},
            **{"threads": 2, "jit_s": 0.4, "peak_memory_mb": 410.0},
        },
        "warnings": ["substitute data set: accuracies are not those of mnist"] if substitute else ["layer1: weights are at a rail"],
    }
    if not is_old:
        summary |= _systems(layers, method, accuracy)
    if exit_margin is not None:
        summary["early_exit"] = _early_exit(exit_margin, accuracy, summary["totals"]["test"], test_ticks)
    (folder / "summary.json").write_text(json.dumps(summary, indent=1))
    return folder


def _by_tick(final: float, ticks: int, speed: float, method: str | None) -> dict:
    """Accuracies that come from 0.1, after three ticks without an answer, to `final`."""
    curve = [None] * 3 + [round(final - (final - 0.1) * 0.5 ** (speed * k), 4) for k in range(ticks - 4)] + [final]
    known = {"by_tick": curve, "ticks_to_final": ticks_to_final(curve)}
    floats = (final + 0.002, 0.0004, final + 0.004, 0.002) if method else (None,) * 4
    return known | dict(zip(("float_test", "float_test_std", "ann_test", "float_loss"), floats, strict=True))


def _early_exit(margin: float, accuracy: dict, total: dict, ticks: int) -> dict:
    """Margins of 1/4 to 4 (or up to its own), each of which gives more ticks and accuracy than the one before."""
    curve = []
    for k, of_margin in enumerate([0.25, 0.5, 1.0, 2.0, 4.0][: 4 if margin else 5]):
        share = (k + 2) / 6
        costs = {"latency_us": total["latency_us_per_sample"] * share, "energy_nj": total["energy_nj_per_sample"] * share}
        curve.append({"margin": of_margin, "accuracy": accuracy["test"] - 0.004 * (3 - k), "ticks": ticks * share, **costs})
    ends = {"margin": margin, "margin_lsb": int(64 * margin)} if margin else {"margin": None, "margin_lsb": None}
    histogram = [0] * (ticks - 2) + ([N_TEST // 2, N_TEST - N_TEST // 2] if margin else [0, N_TEST])
    mean = sum((t + 1) * n for t, n in enumerate(histogram)) / N_TEST
    return {"unit": "potentials", **ends, "min_ticks": 5, "mean_ticks": mean, "histogram": histogram, "curve": curve}


def _systems(layers: list[dict], method: str | None, accuracy: dict) -> dict:
    """The ANN twin, silent units, and a training off the chip, if there is a `method`."""
    for layer in layers:
        layer |= {"silent_units": layer["neurons"] // 50, "saturated_units": 0}
    macs = [layer["n_weights"] for layer in layers]
    sops = sum(layer["test"]["sops"] / layer["test"]["samples"] for layer in layers)
    twin = {"macs": sum(macs), "macs_per_layer": macs, "sops": sops, "spikes_per_neuron": sops / sum(macs), "ann_nj": sum(macs) * 0.0046}
    twin |= {"snn_nj": sops * 0.0009, "ratio": sops * 0.9 / sum(macs) / 4.6, "break_even_spikes_per_neuron": 4.6 / 0.9}
    found = {"depth": len(layers), "ann_twin": twin | {"constants": constants().model_dump()}, "training": None}
    if method:
        quantised = {"scale": 101.25, "threshold_lsb": 102, "clipped": 0.0004, "rms_lsb": 0.289, "rms_relative": 0.0123}
        floats = [value for value in accuracy["by_tick"] if value is not None]
        training = {
            "method": method,
            "file": "trained.h5",
            "experiment": "off-chip",
            "seed": 1,
            "ticks": len(floats),
            "accuracy_by_tick": [min(1.0, value + 0.002) for value in floats],
            "encoder_seeds": 3,
        }
        training |= {"accuracy_by_tick_std": [0.0004] * len(floats), "selected_by": "validation", "validation_accuracy": 0.97, "epochs": 12}
        training |= {
            "spikes_per_image": {layer["name"]: 100.5 for layer in layers},
            "wall_s": 1234.5,
            "device": "cpu",
            "ann_accuracy": None,
        }
        found["training"] = training | {"layers": [{"name": layer["name"]} | quantised for layer in layers]}
    return found


def _write_layer(file, i, shape, weight_bits, frac_bits, samples, rng) -> dict:
    axons, neurons = shape
    low, high = -(1 << weight_bits - 1), (1 << weight_bits - 1) - 1
    group = file.create_group(f"layers/{i}")
    one = 1 << frac_bits
    first = np.clip(np.rint(rng.normal(0, (2 / axons) ** 0.5 * one, shape)), low, high)
    final = np.clip(np.rint(first + rng.normal(0, 0.25 * one, shape)), low, high)
    group["weight_initial"], group["weight"] = first.astype(np.int16), final.astype(np.int16)
    group["bias_initial"] = group["bias"] = np.full(neurons, one // 10, np.int32)
    at_rail = int(np.isin(final, (low, high)).sum())
    group["weights_at_rail"] = np.array([at_rail // 3, at_rail // 2, at_rail])
    facts = {"name": f"layer{i + 1}", "axons": axons, "neurons": neurons, "weight_bits": weight_bits, "frac_bits": frac_bits}
    facts["memory_words"] = axons * -(-neurons * weight_bits // WORD_BITS)
    facts |= {"kind": "dense", "shape": [1, 1, neurons], "neuron": "stochastic", "rows": axons}
    group.attrs.update(facts)
    facts |= {"n_weights": axons * neurons, "weights_at_rail": at_rail}
    for which, n in samples.items():
        counts = np.array([_counts(i, shape, samples, which == "train", rng) for samples in n])
        cycles = np.array([[samples * (2000 // (i + 1) + 7), samples * (2600 // (i + 1) + 3)] for samples in n])
        group[f"{which}/counts"], group[f"{which}/cycles"] = counts, cycles
        chosen = slice(None) if which == "train" else slice(-1, None)
        facts[which] = _set(counts[chosen].sum(axis=0), cycles[chosen].sum(axis=0), sum(n[chosen]))
    return facts


def _write_cores(file: h5py.File, i: int, layer: dict, mesh: tuple[int, int] | None, samples: dict) -> list[dict]:
    """What the cores of layer i did: equal parts of the layer's counts and cycles, the first with the rest."""
    cores = []
    for k in range(layer["cores"]):
        c, parts = len(file["cores"]) if "cores" in file else 0, layer["cores"]
        core = {
            "name": f"{layer['name']}/{k}" if parts > 1 else layer["name"],
            "layer": i,
            "at": [c % mesh[0], c // mesh[0]] if mesh else None,
        }
        core |= {
            "axons": layer["axons"],
            "neurons": layer["neurons"] // parts,
            "memory_words": layer["memory_words"] // parts,
            "state_bits": 0,
        }
        used = {"axons": core["axons"] / 1024, "neurons": core["neurons"] / 256, "memory": core["memory_words"] / 65536}
        core |= {f"{key}_used": value for key, value in used.items()}
        for which, n in samples.items():
            counts, cycles = (_part(file[f"layers/{i}/{which}/{name}"][...], k, parts) for name in ("counts", "cycles"))
            file[f"cores/{c}/{which}/counts"], file[f"cores/{c}/{which}/cycles"] = counts, cycles
            chosen = slice(None) if which == "train" else slice(-1, None)
            core[which] = _set(counts[chosen].sum(axis=0), cycles[chosen].sum(axis=0), sum(n[chosen]))
        file[f"cores/{c}"].attrs.update({key: core[key] for key in ("name", "layer", "axons", "neurons", "memory_words", "state_bits")})
        cores.append(core)
    return cores


def _part(values: np.ndarray, k: int, parts: int) -> np.ndarray:
    return values // parts + (values % parts if k == 0 else 0)


def _network(file: h5py.File, cores: list[dict], mesh: Mesh, tick_us: float | None, samples: dict) -> dict:
    """Packets of every core go one router on, along the row and back; they take 2 to 21 cycles."""
    found = {}
    for which, n in samples.items():
        totals, ticks = empty_totals(mesh), TICKS * sum(n[slice(None) if which == "train" else slice(-1, None)])
        load, peak = totals.load.reshape(-1, PORTS), totals.peak.reshape(-1, PORTS)
        for core in cores:
            x, y = core["at"]
            here, packets = y * mesh.width + x, 3 * ticks * (1 + core["layer"])
            step = 1 if core is not cores[-1] and x + 1 < mesh.width else -1
            load[here, 1 if step == 1 else 3] += packets
            load[here, 5] += packets
            load[here + step, 4] += packets
            peak[here, 4] = 3
        sent = int(load[:, 5].sum())
        totals.latency[2:22] = sent // 40
        totals.latency[2] += sent - totals.latency.sum()
        totals.waits[1] = ticks // 7
        totals.bounds[:4] = 0
        totals.bounds[[7, 6 + PORTS, 1 + 2 * PORTS]] = ticks - ticks // 4 - ticks // 900, ticks // 4, ticks // 900
        for key, value in (("TICKS", ticks), ("PACKETS", sent), ("HOPS", sent), ("NETWORK_CYCLES", 100 * ticks), ("MAX_LATENCY", 21)):
            totals.sums[NocTotal[key]] = value
        for key, value in (("CYCLES", 130 * ticks), ("LONGEST_TICK", 400), ("OVERRUNS", ticks // 50 if tick_us else 0)):
            totals.sums[NocTotal[key]] = value
        for key, array in totals._asdict().items():
            file[f"packets/{which}/{key}"] = array
        judged = noc_report.verdict(mesh, totals, CLOCK_MHZ, noc_report.tick_budget(tick_us, CLOCK_MHZ) if tick_us else 0)
        found[which] = noc_report.summary(mesh, totals) | {"verdict": judged._asdict() | {"tick_us": tick_us}, "load": load.tolist()}
    return found


def _counts(i: int, shape: tuple[int, int], samples: int, learns: bool, rng) -> np.ndarray:
    axons, neurons = shape
    counts = np.zeros((N_PHASES, N_EVENTS), np.int64)
    ticks, spikes = samples * TICKS, samples * TICKS * (102 if i == 0 else axons * 3 // 8) + int(rng.integers(999))
    out = ticks if neurons == CLASSES else ticks * neurons * 3 // 8 + int(rng.integers(999))
    forward = {Event.SPIKE_IN: spikes, Event.SPIKE_OUT: out, Event.ACCUMULATE: spikes * neurons, Event.WORD_READ: spikes * -(-neurons // 8)}
    forward |= {
        Event.NEURON_UPDATE: ticks * neurons,
        Event.RNG_DRAW: ticks * neurons,
        Event.BARRIER: ticks,
        Event.ACC_SATURATED: samples // 900,
    }
    counts[Phase.FORWARD, list(forward)] = list(forward.values())
    if learns:
        errors = ticks * 2 // (i + 1) + int(rng.integers(99))
        error = {Event.ERROR_IN: errors, Event.ERROR_OUT: errors if i else 0, Event.ERROR_GATED: errors // 3, Event.RNG_DRAW: errors}
        counts[Phase.ERROR, list(error)] = list(error.values())
        counts[Phase.ERROR, Event.COLUMN_READ] = errors * axons // 8 if i else 0
        learn = {
            Event.WORD_READ: errors * 10,
            Event.WORD_WRITE: errors * 10,
            Event.WEIGHT_UPDATE: errors * 12,
            Event.LEARN_DECISION: errors - errors // 3,
            Event.UPDATE_LOST: errors // 9,
        }
        counts[Phase.LEARN, list(learn)] = list(learn.values())
    return counts


def _set(counts: np.ndarray, cycles: np.ndarray, samples: int) -> dict:
    total = counts.sum(axis=0)
    energy = {part: round(float(total[list(events)] @ PRICE_PJ[list(events)]) / samples, 3) for part, events in COMPONENT.items()}
    by_phase = counts @ PRICE_PJ / samples
    part = {"samples": samples, "ticks": samples * TICKS, "sops": int(counts[Phase.FORWARD, Event.ACCUMULATE])}
    part |= {key: int(total[events].sum()) for key, events in KEYS.items()}
    part["synapse_bits_read"] = WORD_BITS * (part["synapse_word_reads"] + part["column_reads"])
    part["synapse_bits_written"] = WORD_BITS * part["synapse_word_writes"]
    part |= {"cycles": int(cycles[0]), "busy_cycles": int(cycles[1]), "latency_us": round(int(cycles[0]) / CLOCK_MHZ / samples, 6)}
    part["energy_pj"] = energy | {"leakage": round(250.0 * part["latency_us"], 3)}
    part["phases"] = {
        phase.name.lower(): {event.name.lower(): int(counts[phase, event]) for event in Event} | {"busy_cycles": int(cycles[1]) // 3}
        for phase in Phase
    }
    for phase in Phase:
        part["phases"][phase.name.lower()]["energy_pj"] = round(float(by_phase[phase]), 3)
    return part


def _total(layers: list[dict], which: str) -> dict:
    parts = [layer[which] for layer in layers]
    energy = {name: sum(part["energy_pj"][name] for part in parts) for name in parts[0]["energy_pj"]}
    total = {key: sum(part[key] for part in parts) for key in ("cycles", "sops")}
    total |= {"samples": parts[0]["samples"], "energy_pj": energy, "energy_nj_per_sample": sum(energy.values()) / 1000}
    total |= {"latency_us_per_sample": sum(part["latency_us"] for part in parts)}
    return total | {"energy_share_by_kind": {"measured": 0.5, "simulated": 0.2, "scaled": 0.25, "assumed": 0.05}}


def _accuracy(file: h5py.File, reference: bool, rng) -> dict:
    test, train = [0.9312, 0.9541, 0.9603], [0.9012, 0.9522, 0.9678]
    file["accuracy/test"], file["accuracy/train"] = np.array(test), np.array(train)
    ann = [0.9501, 0.9688, 0.9721] if reference else None
    if ann:
        file["accuracy/reference"] = np.array(ann)
    file["test/labels"] = file["test/predictions"] = rng.integers(0, CLASSES, 50).astype(np.int32)
    return {
        **{"test": test[-1], "per_epoch": test, "train_per_epoch": train, "reference_per_epoch": ann},
        **{"reference_test": ann[-1] if ann else None, "gap": round(ann[-1] - test[-1], 6) if ann else None},
    }


def _write_raster(file: h5py.File, neurons: tuple[int, ...], rng) -> None:
    def spikes(n: int, share: float) -> np.ndarray:
        return np.argwhere(rng.random((TICKS, n)) < share).astype(np.int32)

    intensities = np.where(rng.random(INPUTS) < 0.19, rng.random(INPUTS), 0)
    file["raster/input/spikes"] = np.argwhere(rng.random((TICKS, INPUTS)) < intensities).astype(np.int32)
    for i, n in enumerate(neurons):
        last = i == len(neurons) - 1
        winners = np.stack([np.arange(TICKS), np.where(rng.random(TICKS) < 0.7, 7, rng.integers(0, n, TICKS))], axis=1)
        file[f"raster/{i}/spikes"] = winners.astype(np.int32) if last else spikes(n, 0.37)
        errors = spikes(n, 0.05 if last else 0.01)
        file[f"raster/{i}/errors"] = np.column_stack([errors, rng.choice([-1, 1], len(errors))]).astype(np.int32)
    file["raster"].attrs.update(sample=41, label=7, ticks=TICKS)


def _probe(file: h5py.File, layers: list[dict], rng) -> dict:
    ticks = [8, 16, 32, 64, 128]
    cosine = [[round(1 - 1.6 / (n + 3) ** 0.8 - 0.02 * i, 4) for n in ticks] for i in range(len(layers))]
    bias = [[round(0.3 / n + 0.01 * i + 0.002 * rng.random(), 4) for n in ticks] for i in range(len(layers))]
    file["probe/ticks"], file["probe/cosine"], file["probe/bias"] = np.array(ticks, float), np.array(cosine), np.array(bias)
    parts = zip(layers, cosine, bias, strict=True)
    return {
        "weights": "initial",
        "ticks": ticks,
        "samples": 256,
        "layers": [{"name": layer["name"], "cosine": c, "bias": b} for layer, c, b in parts],
    }


if __name__ == "__main__":
    print(make_run(Path(sys.argv[1])))
