"""HOOK, the one compiled type of all rule hooks: a rule is passed to the engine as a first-class function, so the engine is cached.

The folder of compiled code is named by a digest of the core without rules and their language (neurochip/_compile_cache.py). A hook's own
code lies there in a folder named by a hash of the sources it is made of: who edits a rule compiles that rule, and the engine stays.
"""

import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from numba import config, njit, types
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator

from neurochip.core import language, rules
from neurochip.core.state import Synapses

_U1, _U4, _I4, _I8 = types.uint8[::1], types.uint32[::1], types.int32[::1], types.int64[::1]
_SYNAPSE_TYPES = {
    "param": _I8, "rng_param": _I8, "counts": _I8, "weight": types.int16[:, ::1], "bias": _I4, "rng_learn": _U4,
    "learners": _I4, "steps": _I4, "call": _I8, "axon_state": _I8, "neuron_state": _I8, "tag": _I8, "told": _I8,
}  # fmt: skip
SYNAPSES = types.NamedTuple([_SYNAPSE_TYPES[name] for name in Synapses._fields], Synapses)
HOOK = types.void(SYNAPSES, _I8, _I4, _I4, _I4, _I4)
"""hook(synapses, rule_param, rows, traces, neurons, signs), of one location in this tick. To a rule that learns from errors: rows added,
no traces, own error spikes, their signs; from spikes: all rows under the taps, their axons' traces, units that fired, +1.
A rule that keeps states is asked more, and handed what `Ask` says."""


KEPT = 200  # folders of rules that stay, newest first
_keys: dict[str, str] = {}


def know_sources(modules: Iterable[str], sources: Mapping[str, str]) -> None:
    """Note the sources (name -> text) of which the hooks of modules that are about to be imported are made.

    Without it a hook outside this package is compiled in every process: what it calls could have changed. Shipped rules, whose functions
    it may import, count too.
    """
    key = _hash({**sources, **rules.all_sources(), **_language()})
    _keys.update(dict.fromkeys(modules, key))


def _hash(sources: Mapping[str, str]) -> str:
    digest = sha256()
    for name, text in sorted(sources.items()):
        digest.update(f"{name}\0{len(text)}\0{text}".encode())
    return digest.hexdigest()


def _key_of(module: str) -> str | None:
    package, _, name = module.rpartition(".")
    return _hash({**rules.sources(name), **_language()}) if package == rules.__name__ else _keys.get(module)


def _language() -> dict[str, str]:
    """What makes a hook of a rule's text is a source of that hook."""
    files = [path for folder in language.__path__ for path in sorted(Path(folder).glob("*.py"))]
    return {f"language/{path.name}": path.read_text(encoding="utf-8") for path in files}


class _Locator(_CacheLocator):
    """Where Numba finds the code of a hook, and that what lies there is fresh: by content, wherever the file is and whatever its time."""

    def __init__(self, function) -> None:
        key, name = _key_of(function.__module__), function.__module__.rpartition(".")[2][:60]
        self._module, self._py_file = function.__module__, function.__code__.co_filename  # the file for a warning
        self._path, self._key = Path(config.CACHE_DIR, "rules", f"{name}-{key[:16]}"), key

    def ensure_cache_path(self) -> None:
        """Make the folder; drop the oldest if there are many."""
        if not self._path.exists():
            self._path.mkdir(parents=True, exist_ok=True)
            with suppress(OSError):  # another process drops them too
                others = [(path.stat().st_mtime, path) for path in self._path.parent.iterdir() if path != self._path]
                for _, old in sorted(others, reverse=True)[KEPT:]:
                    shutil.rmtree(old, ignore_errors=True)

    def get_cache_path(self) -> str:
        """Return the folder."""
        return str(self._path)

    def get_source_stamp(self) -> str:
        """Return what must be the same for the code to be fresh."""
        return self._key

    def get_disambiguator(self) -> str:
        """Return what tells functions of one name apart: the module."""
        return self._module


class _Code(CompileResultCacheImpl):
    """A hook's compiled code, by its sources."""

    def __init__(self, function) -> None:
        self._lineno = function.__code__.co_firstlineno
        self._locator = _Locator(function)
        self._filename_base = self.get_filename_base(function.__qualname__, "")


class _Cache(FunctionCache):
    """What a dispatcher of Numba asks for compiled code."""

    _impl_class = _Code


def rule_hook(function):
    """Compile a hook with the type HOOK; as it is when the JIT is switched off."""
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return function
    hook = njit(function)
    if _key_of(function.__module__) is not None:
        hook._cache = _Cache(function)
    hook.compile(HOOK)
    hook.disable_compile()
    return hook
