"""A hardware-oriented simulator of spike-only on-chip learning: `import neurochip as nc`.

Names are imported when they are first used (PEP 562), so that the import takes no time. docs/notebooks/ shows them at work.
"""

import importlib
from typing import TYPE_CHECKING, Any

from neurochip import _compile_cache, _systems
from neurochip._version import __version__

if TYPE_CHECKING:
    from neurochip.api.comparison import Comparison as Comparison
    from neurochip.api.comparison import compare as compare
    from neurochip.api.experiments import experiment_schema as experiment_schema
    from neurochip.api.experiments import load_experiment as load_experiment
    from neurochip.api.mapped import Placed as Placed
    from neurochip.api.mapped import map as map
    from neurochip.api.results import Run as Run
    from neurochip.api.runs import open_run as open_run
    from neurochip.api.runs import run as run
    from neurochip.api.simulation import Simulator as Simulator
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
    "compare": "api.comparison",
    "experiment_schema": "api.experiments",
    "load_experiment": "api.experiments",
    "map": "api.mapped",
    "open_run": "api.runs",
    "run": "api.runs",
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
