"""Counts and prices as Accelergy v0.4 files, so that an independent program can recompute the energy of a run.

`accelergy -o out ERT.yaml action_counts.yaml -f energy_estimation ERT_summary` (the `-f` is needed: without it Accelergy asks for an
architecture) writes `out/energy_estimation.yaml`, whose Total is the run's total in pJ. Accelergy puts a configuration below $HOME.
`export_run` does so for a run directory, from its run.h5 alone: a pair of files for all training, one for the last evaluation.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.common.files import write_text
from neurochip.core.events import COMPONENT, N_EVENTS, N_PHASES, Event
from neurochip.energy.prices import PricedTable
from neurochip.runfile.load import load_run
from neurochip.runfile.stored import stored_cores

VERSION = 0.4
ROOT = "chip"

Core = tuple[str, PricedTable, np.ndarray, float, int] | tuple[str, PricedTable, np.ndarray, float, int, float]
Action = tuple[str, float, int]  # name, pJ per action, how often


def export_accelergy(components: Iterable[Core], folder: str | Path, cycle_seconds: float = 1.0e-9) -> list[Path]:
    """Write `ERT.yaml` (pJ per action) and `action_counts.yaml` (totals over all samples) into `folder`; return the two paths.

    `components`: per core (name, priced table, counts (phases, events) of integers, leakage of the whole run in pJ, cycles of the whole
    run, and its clock in pJ where the table has one). Each core gives `chip.<core>.<component>` with one action per event, and
    `chip.<core>.leakage` with the action `leak` and `chip.<core>.clock` with `tick`, counted in cycles and priced in pJ per cycle.
    `cycle_seconds` only labels the actions; no energy depends on it.
    Raises NeurochipError if PyYAML is missing, a core's name cannot be part of a path, or a core leaks without cycles.
    """
    dump = _yaml_dump()
    tables: list[dict[str, Any]] = []
    cores: list[dict[str, Any]] = []
    names: set[str] = set()
    for name, priced, counts, leakage_pj, cycles, *clock in components:
        _check_name(name, names)
        entries = [*_dynamic(priced, np.asarray(counts)), ("leakage", _by_cycle("leak", name, "leakage", leakage_pj, cycles))]
        if priced.clock:
            entries.append(("clock", _by_cycle("tick", name, "clock", clock[0], cycles)))
        tables += [_table(f"{ROOT}.{name}.{part}", actions, cycle_seconds) for part, actions in entries]
        cores.append({"name": name, "local": [_local(part, actions) for part, actions in entries]})
    ert = {"ERT": {"version": VERSION, "tables": tables}}
    action_counts = {"action_counts": {"version": VERSION, "subtree": [{"name": ROOT, "subtree": cores}]}}
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "ERT.yaml", folder / "action_counts.yaml"]
    for path, content in zip(paths, (ert, action_counts), strict=True):
        write_text(path, dump(content, sort_keys=False))
    return paths


def export_run(run_folder: Path, folder: Path) -> list[Path]:
    """Write `train/` and `test/` below `folder`, each with the two files; return the paths. A set without samples is left out.

    The totals are those of summary.json: energy_nj_per_sample x samples. Core `hidden/1` is `hidden_part1` there. Raises NeurochipError
    if the run cannot be read.
    """
    run = load_run(run_folder)
    paths: list[Path] = []
    for part in ("train", "test"):
        cores, cycle_us = stored_cores(run.h5, part)
        if cores:
            named = [(core[0].replace("/", "_part"), *core[1:]) for core in cores]  # a slash is no part of an Accelergy path
            paths += export_accelergy(named, Path(folder) / part, cycle_us * 1.0e-6)
    return paths


def _dynamic(priced: PricedTable, counts: np.ndarray) -> list[tuple[str, list[Action]]]:
    if counts.shape != (N_PHASES, N_EVENTS):
        raise ValueError(f"counts must have shape ({N_PHASES}, {N_EVENTS}), not {counts.shape}")
    return [(part, [_action(event, priced, counts[:, event]) for event in events]) for part, events in COMPONENT.items()]


def _action(event: Event, priced: PricedTable, counts: np.ndarray) -> Action:
    """An action has one price: where phases have their own, the mean of what happened."""
    pj, total = priced.pj[:, event], int(counts.sum())
    one = pj[0] if (pj == pj[0]).all() or not total else counts @ pj / total
    return event.name.lower(), float(one), total  # plain ints and floats: the safe dumper refuses numpy's


def _by_cycle(action: str, core: str, what: str, pj: float, cycles: int) -> list[Action]:
    if cycles <= 0 < pj:
        raise NeurochipError(f"core '{core}': {pj:g} pJ of {what} in {cycles} cycles; Accelergy counts it in cycles, give at least 1")
    return [(action, float(pj) / cycles if cycles > 0 else 0.0, int(cycles))]


def _table(name: str, actions: list[Action], cycle_seconds: float) -> dict[str, Any]:
    arguments = {"global_cycle_seconds": float(cycle_seconds)}
    return {"name": name, "actions": [{"name": action, "arguments": dict(arguments), "energy": pj} for action, pj, _ in actions]}


def _local(name: str, actions: list[Action]) -> dict[str, Any]:
    return {"name": name, "action_counts": [{"name": action, "counts": number} for action, _, number in actions]}


def _check_name(name: str, names: set[str]) -> None:
    # Accelergy splits paths at dots, reads [1..4] as a range whose counts it applies once, and evaluates bare numbers
    if not name.replace("-", "_").isidentifier() or name in names:
        why = "is there twice" if name in names else "is no part of an Accelergy path"
        raise NeurochipError(f"core '{name}' {why}; use a name of its own, of letters, digits, - and _, not beginning with a digit")
    names.add(name)


def _yaml_dump():
    try:
        import yaml
    except ImportError:
        raise NeurochipError("Accelergy files need PyYAML; install it with: pip install pyyaml") from None
    return yaml.safe_dump
