"""A hardware-oriented simulator of spike-only on-chip learning: `import neurochip as nc`.

Names are imported when they are first used (PEP 562), so that the import takes no time. docs/notebooks/ shows them at work.
"""

import importlib
from typing import TYPE_CHECKING, Any

from neurochip import _compile_cache, _systems
from neurochip._version import __version__

if TYPE_CHECKING:
    from neurochip.api.benchmarks import measure_corners as measure_corners
    from neurochip.api.benchmarks import measure_network as measure_network
    from neurochip.api.benchmarks import measure_scaling as measure_scaling
    from neurochip.api.benchmarks import measure_speed as measure_speed
    from neurochip.api.catalogue import available as available
    from neurochip.api.catalogue import check as check
    from neurochip.api.comparison import Comparison as Comparison
    from neurochip.api.comparison import compare as compare
    from neurochip.api.data import available_datasets as available_datasets
    from neurochip.api.data import dataset_folders as dataset_folders
    from neurochip.api.data import fetch_dataset as fetch_dataset
    from neurochip.api.energy_tables import make_energy_table as make_energy_table
    from neurochip.api.experiments import experiment_schema as experiment_schema
    from neurochip.api.experiments import load_experiment as load_experiment
    from neurochip.api.experiments import summary_schema as summary_schema
    from neurochip.api.fpga import implement_fpga as implement_fpga
    from neurochip.api.mapped import Placed as Placed
    from neurochip.api.mapped import map as map
    from neurochip.api.offchip import evaluate as evaluate
    from neurochip.api.offchip import export_nir as export_nir
    from neurochip.api.offchip import train as train
    from neurochip.api.recordings import explain_weight as explain_weight
    from neurochip.api.recordings import write_timeline as write_timeline
    from neurochip.api.recordings import write_waves as write_waves
    from neurochip.api.reruns import rerun as rerun
    from neurochip.api.results import Run as Run
    from neurochip.api.rtl import cosimulate as cosimulate
    from neurochip.api.rtl import export_rtl as export_rtl
    from neurochip.api.rule_hardware import price_rule as price_rule
    from neurochip.api.runs import open_run as open_run
    from neurochip.api.runs import run as run
    from neurochip.api.simulation import Simulator as Simulator
    from neurochip.api.starts import write_start as write_start
    from neurochip.api.studies import Study as Study
    from neurochip.api.studies import open_study as open_study
    from neurochip.api.studies import sweep as sweep
    from neurochip.common.errors import NeurochipError as NeurochipError
    from neurochip.core.events import Event as Event
    from neurochip.core.events import Phase as Phase
    from neurochip.energy.table import EnergyTable as EnergyTable
    from neurochip.experiment.chip import Chip as Chip

_HOMES = {
    "Chip": "experiment.chip",
    "Comparison": "api.comparison",
    "EnergyTable": "energy.table",
    "Event": "core.events",
    "NeurochipError": "common.errors",
    "Phase": "core.events",
    "Placed": "api.mapped",
    "Run": "api.results",
    "Simulator": "api.simulation",
    "Study": "api.studies",
    "available": "api.catalogue",
    "available_datasets": "api.data",
    "check": "api.catalogue",
    "compare": "api.comparison",
    "cosimulate": "api.rtl",
    "dataset_folders": "api.data",
    "evaluate": "api.offchip",
    "experiment_schema": "api.experiments",
    "explain_weight": "api.recordings",
    "export_nir": "api.offchip",
    "export_rtl": "api.rtl",
    "fetch_dataset": "api.data",
    "implement_fpga": "api.fpga",
    "load_experiment": "api.experiments",
    "make_energy_table": "api.energy_tables",
    "map": "api.mapped",
    "measure_corners": "api.benchmarks",
    "measure_network": "api.benchmarks",
    "measure_scaling": "api.benchmarks",
    "measure_speed": "api.benchmarks",
    "open_run": "api.runs",
    "open_study": "api.studies",
    "price_rule": "api.rule_hardware",
    "rerun": "api.reruns",
    "run": "api.runs",
    "summary_schema": "api.experiments",
    "sweep": "api.studies",
    "train": "api.offchip",
    "write_timeline": "api.recordings",
    "write_waves": "api.recordings",
    "write_start": "api.starts",
}
"""Of each public name the module that holds it; no room of the package may have such a name, as importing a room sets it here."""

__all__ = ["__version__", *_HOMES]

_systems.require_supported()
_compile_cache.set_cache_folder()


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'neurochip' has no attribute {name!r}", name=name, obj=importlib.import_module(__name__))
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value  # found without this function from now on
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
