"""A run in a few lines, and runs side by side: the facts that a reader wants first."""

import math
from collections.abc import Callable, Hashable

from neurochip.report.digits import energy_text, with_digits
from neurochip.report.grids import SETS, Column, Grid, count, decimals, per, percent, shown_sets, ticks_per_sample
from neurochip.report.inference import inference_facts
from neurochip.report.learned import learned_facts
from neurochip.report.network import has_parts, network_facts, network_rows
from neurochip.report.silicon import silicon_facts, training_fact
from neurochip.runfile.costs import Total
from neurochip.runfile.load import StoredRun
from neurochip.runfile.summary import ChipFacts, Summary

MOST_NAMED = 6  # settings named in a line about what differs


def kind_shares(total: Total) -> str:
    """Return how much of a set's energy rests on measured, simulated, scaled, extrapolated and assumed prices."""
    return ", ".join(f"{kind} {100 * share:.1f} %" for kind, share in total.energy_share_by_kind.items() if share >= 5e-4) or "-"


def headline(summary: Summary) -> list[tuple[str, str]]:
    """Return the facts of a run as (label, text), the most important first."""
    accuracy, dataset, chip, table = summary.accuracy, summary.dataset, summary.chip, summary.energy_table
    reference = "no reference was trained ([reference] is off)"
    if accuracy.reference_test is not None and accuracy.gap is not None:
        reference = f"{percent(accuracy.reference_test)}, the chip is {100 * accuracy.gap:.2f} points below it (gap)"
        if accuracy.gap < 0:
            reference = f"{percent(accuracy.reference_test)}, the chip is {-100 * accuracy.gap:.2f} points above it"
    last, epochs = percent(accuracy.train_per_epoch[-1] if accuracy.train_per_epoch else None), len(accuracy.per_epoch)
    how = f"after {epochs} {'epoch' if epochs == 1 else 'epochs'} (training, read while learning: {last})"
    if not epochs:
        how = f"with the weights {'trained off the chip' if summary.training else 'it started with'}; no training on the chip"
    how = learned_facts(summary) or how
    operating = [f"{value:g} {unit}" for value, unit in ((table.node_nm, "nm"), (table.vdd_v, "V")) if value is not None]
    note = f"; {dataset.note}" if dataset.note else ""
    facts = [
        (
            "accuracy, test",
            f"{percent(accuracy.test)} {how}",
        ),
        ("accuracy, reference", reference),
        *inference_facts(summary),
        (
            "data set",
            f"{'SUBSTITUTE: ' if dataset.is_substitute else ''}{dataset.name}, {count(dataset.n_train)} training and "
            f"{count(dataset.n_test)} test samples used; {dataset.source}{note}",
        ),
    ]
    names = {"train": "one training sample", "test": "one inference"}
    for which in shown_sets(summary):
        total = summary.totals.of(which)
        sops = per(total.sops, total.samples)
        facts.append(
            (
                names[which],
                f"{sample_energy(total)}, {total.latency_us_per_sample:,.3f} us, "
                f"{decimals(0)(sops)} SOPs ({_pj_per_sop(total.energy_nj_per_sample, sops)} pJ per SOP, all energy included)",
            )
        )
    return [
        *facts,
        *training_fact(summary),
        (
            "chip",
            f"{chip.name}: {chip.clock_mhz:g} MHz, cores of {count(chip.n_axons)} axons x {count(chip.n_neurons)} neurons, "
            f"{chip.word_bits}-bit words, memory {'' if chip.transposable else 'not '}transposable, {chip.rng} {chip.sharing}"
            f"{_mesh(chip)}",
        ),
        *network_facts(summary),
        *silicon_facts(summary),
        ("energy table", ", ".join([table.name, *operating]) + f"; {table.source}"),
        ("energy rests on", "; ".join(f"{SETS[which].lower()}: {kind_shares(summary.totals.of(which))}" for which in shown_sets(summary))),
        (
            "simulation",
            f"{summary.simulation.wall_s:,.1f} s, {summary.simulation.samples_per_s:,.0f} samples/s, "
            f"{summary.simulation.sops_per_s / 1e9:,.2f} billion SOPs/s on this computer (not the chip)",
        ),
        ("run", f"{summary.name}, seed {summary.seed}, neurochip {summary.version}, hash {summary.experiment_sha256[:12]}"),
    ]


def sample_energy(total: Total) -> str:
    """Return the energy of a sample with its range, a dash for a set without samples."""
    return energy_text(total.energy_nj_per_sample, total.energy_nj_per_sample_range) if total.samples else "-"


def _mesh(chip: ChipFacts) -> str:
    if not chip.mesh:
        return ""
    mesh, stalls = chip.mesh, "stand still" if chip.mesh.core_stalls else "go on"
    pace = "" if chip.tick_us is None else f", tick_us = {chip.tick_us:g}"
    return (
        f"; mesh of {mesh.width} x {mesh.height}, packets of {mesh.packet_bits} bits, FIFOs of {mesh.fifo_depth}, "
        f"cores {stalls} while refused{pace}"
    )


def _pj_per_sop(nj: float, sops: float) -> str:
    each = per(1000 * nj, sops)
    return with_digits(each) if math.isfinite(each) else "-"


def compare_grid(runs: list[StoredRun]) -> Grid:
    """Return what differs between runs: a row per quantity, a column per run (named by its folder where names repeat)."""
    names = [run.summary.name for run in runs]
    columns, labels = [], []
    with_network = any(run.summary.network or has_parts(run.summary) for run in runs)
    for run, name in zip(runs, names, strict=True):
        rows = _compare_rows(run.summary) + (network_rows(run.summary) if with_network else [])
        labels = [label for label, _ in rows]
        heading = name if names.count(name) == 1 else f"{name}\n({run.folder.name})"
        columns.append(Column(heading, [text for _, text in rows]))
    return Grid("Runs compared", "", labels, columns)


def _compare_rows(summary: Summary) -> list[tuple[str, str]]:
    accuracy, dataset, totals = summary.accuracy, summary.dataset, summary.totals
    gap = "-" if accuracy.gap is None else f"{100 * accuracy.gap:.2f}"
    rows = [
        ("accuracy, test", percent(accuracy.test)),
        ("accuracy, reference", percent(accuracy.reference_test)),
        ("gap [points]", gap),
    ]
    sets = [(name.lower(), totals.of(which)) for which, name in SETS.items()]  # that of training is empty without training on the chip
    rows += [(f"{name} energy per sample", sample_energy(total)) for name, total in sets]
    rows += [(f"{name} latency [us/sample]", decimals(3)(total.latency_us_per_sample if total.samples else None)) for name, total in sets]
    rows += [(f"{name} SOPs [1/sample]", decimals(0)(per(total.sops, total.samples))) for name, total in sets]
    return [
        *rows,
        ("ticks, training / inference", " / ".join(ticks_per_sample(summary, which) for which in SETS)),
        ("epochs", count(len(accuracy.per_epoch))),
        ("neurons per layer", "-".join(str(layer.neurons) for layer in summary.layers)),
        ("weight bits per layer", "-".join(str(layer.weight_bits) for layer in summary.layers)),
        ("seed", str(summary.seed)),
        ("chip", summary.chip.name),
        ("clock [MHz]", f"{summary.chip.clock_mhz:g}"),
        *_silicon_rows(summary),
        ("energy table", summary.energy_table.name),
        ("data set", dataset.name + (" (SUBSTITUTE)" if dataset.is_substitute else "")),
        ("samples, training / test", f"{count(dataset.n_train)} / {count(dataset.n_test)}"),
    ]


def _silicon_rows(summary: Summary) -> list[tuple[str, str]]:
    """Area and largest clock, as built and at the size in use; the same rows for every run."""
    built, used = (summary.sizes.built, summary.sizes.used) if summary.sizes else (None, None)
    clocks = [with_digits(size.slowest.clock_mhz or 0.0) if size and size.slowest else "-" for size in (built, used)]
    areas = [with_digits(size.area_um2 / 1e6) if size and size.area_um2 else "-" for size in (built, used)]
    if not summary.sizes and summary.silicon:
        clocks[0] = with_digits(summary.silicon.clock_mhz)
    return [
        ("largest clock, as built / as used [MHz]", " / ".join(clocks)),
        ("area, as built / as used [mm2]", " / ".join(areas)),
        ("energy of an inference as built", energy_text(built.inference_nj, built.inference_nj_range) if built else "-"),
    ]


def differences(runs: list[StoredRun], differing: dict[str, list[str]]) -> list[str]:
    """Return a line for each of data set, chip and energy table that is not the same in all runs, with the settings that differ."""
    keys: dict[str, tuple[Callable[[Summary], Hashable], str]] = {
        "data": (lambda s: (s.dataset.name, s.dataset.source, s.dataset.n_train, s.dataset.n_test), "accuracies"),
        "chip": (lambda s: s.chip, "cycles, latencies and energies"),
        "energy": (lambda s: s.energy_table, "energies"),
    }
    lines = []
    names = {"data": "data sets", "chip": "chips", "energy": "energy tables"}
    for what, (key, numbers) in keys.items():
        if len({key(run.summary) for run in runs}) > 1:
            of_it = [name for name in differing if name.startswith(f"{what}.")]
            told = f" in {', '.join(of_it[:MOST_NAMED])}{' ...' * (len(of_it) > MOST_NAMED)}" if of_it else ""
            lines.append(f"The {names[what]} differ{told}: a difference in {numbers} may come from them alone.")
    substitutes = [run.summary.name for run in runs if run.summary.dataset.is_substitute]
    if substitutes:
        lines.append(f"Substitute data in {', '.join(substitutes)}: its accuracy compares with nothing published.")
    return lines
