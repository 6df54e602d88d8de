"""Plugins: what a user brings as a file beside the experiment, and an installed package as an entry point.

A plugin by path is one file. An entry point of a group of modules (neurochip.rules, .datasets) names a module, `my_package.my_rule`; one of
a group of TOML files (neurochip.chips, .energy_tables, .networks, .generators) names the package in which `<name>.toml` lies.
"""

import ast
import importlib
import importlib.util
import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib import metadata, resources
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from neurochip.common.errors import NeurochipError, did_you_mean, reason_of
from neurochip.common.imports import Source, imports_of, reached

SHIPPED, BY_PATH = "shipped", "path"


@dataclass(frozen=True)
class Plugin:
    """Something that an experiment names, and where it was found."""

    name: str
    origin: str
    """"shipped", "path" or "entry point of package X version Y"."""
    file: Path
    """Where it was read: of this machine, and so never in an identity or a result."""
    sources: Mapping[str, str]
    """File name or dotted module name -> text: its own first, then those of its package that it imports."""
    module: ModuleType | None = None

    @property
    def source(self) -> str:
        """Text of the plug-in's own file."""
        return next(iter(self.sources.values()))

    @property
    def sha256(self) -> str:
        """Hash of all its sources with their names."""
        return hash_of(self.sources)

    def facts(self) -> dict[str, str]:
        """Return what a result says of it: name, origin, sha256."""
        return {"name": self.name, "origin": self.origin, "sha256": self.sha256}


def hash_of(sources: Mapping[str, str]) -> str:
    """Return the SHA-256 of texts and their names, whatever their order."""
    digest = sha256()
    for name, text in sorted(sources.items()):
        digest.update(f"{name}\0{len(text)}\0{text}".encode())
    return digest.hexdigest()


def is_path(name: str, suffix: str) -> bool:
    """Tell whether a key's value is a path and no name: it ends in the suffix of its kind (as .py), or holds a separator."""
    return name.endswith(suffix) or "/" in name or "\\" in name


def read_source(path: Path, what: str) -> str:
    """Return the text of a plugin's file; `what` it should be, as "a learning rule (.py)". A NeurochipError names path and reason."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NeurochipError(f"{path}: no such file; give the path of {what}") from None
    except OSError as error:
        raise NeurochipError(f"{path}: cannot be read: {error.strerror}; give the path of {what}") from None
    except UnicodeDecodeError:
        raise NeurochipError(f"{path}: not text in UTF-8; give the path of {what}") from None


# ---- modules


Before = Callable[[Iterable[str], Mapping[str, str]], None]

_by_path: dict[tuple[Path, str], Plugin] = {}
_by_entry: dict[str, Plugin] = {}


def load_path(
    path: Path, exports: Collection[str], what: str, allowed: Collection[str] | None = None, before: Before = lambda modules, sources: None
) -> Plugin:
    """Run the Python file at `path` and return it as a plugin named by its file; one of `exports` must be in it.

    allowed: modules beside the standard library that it may import, with what is below them; None: any that is installed. A module
    that lies beside it is refused: neither the hash nor the cache of compiled code would know it. One text is run once in a process.
    before: told, before it runs, its name as a module and its sources.
    """
    text = read_source(path, what)
    key = path.resolve(), text
    if key not in _by_path:
        tree = _parse(text, str(path))
        _refuse_imports(tree, str(path), path.parent, allowed)
        module = ModuleType(f"{path.stem}_{hash_of({path.name: text})[:12]}")
        module.__file__ = str(path)
        sys.modules[module.__name__] = module  # as classes in it expect
        before([module.__name__], {path.name: text})
        try:
            exec(compile(tree, str(path), "exec"), module.__dict__)
        except (Exception, SystemExit) as error:
            del sys.modules[module.__name__]
            refuse_raised(error, str(path), str(path))
        _by_path[key] = Plugin(path.name, BY_PATH, path, {path.name: text}, _exporting(module, str(path), exports, what))
    return _by_path[key]


def load_entry(
    group: str, name: str, exports: Collection[str], what: str, allowed: Collection[str] | None = None,
    before: Before = lambda modules, sources: None,
) -> Plugin:  # fmt: skip
    """Import the module of the entry point `name` of `group`, otherwise like `load_path`; modules of its own package count as its sources.

    A NeurochipError if no package has it, or two have.
    """
    entry, origin = _entry(group, name)
    where = f"{entry.value} ({origin})"
    sources, file = _sources_of(entry.module, where)
    root = entry.module.partition(".")[0]
    for module, text in sources.items():
        _refuse_imports(_parse(text, f"{module} ({origin})"), f"{module} ({origin})", None, allowed and {*allowed, root})
    known = _by_entry.get(entry.module)
    if known is not None and known.sources != sources:
        for module in {*known.sources, *sources}:  # edited since this process imported it
            sys.modules.pop(module, None)
        importlib.invalidate_caches()
    if known is None or known.sources != sources or known.origin != origin:
        before(sources, sources)
        try:
            loaded = importlib.import_module(entry.module)
        except (Exception, SystemExit) as error:
            refuse_raised(error, where, str(file))
        known = Plugin(name, origin, file, sources, _exporting(loaded, where, exports, what))
        _by_entry[entry.module] = known
    return Plugin(name, origin, file, sources, known.module)


def _sources_of(module: str, where: str) -> tuple[dict[str, str], Path]:
    """Return the sources of a module and of those of its package that it needs, and its file."""
    root, files = module.partition(".")[0], {}

    def source_of(name: str) -> Source | None:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError, AttributeError):  # a parent that is no package: the name is a function's or a class's
            return None
        except (Exception, SystemExit) as error:  # the package above it, which is imported on the way
            refuse_raised(error, where, "")
        if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
            return None
        files[name] = Path(spec.origin)
        text = read_source(files[name], "a module")
        _parse(text, f"{name} of {where}")
        return Source(text, spec.submodule_search_locations is not None)

    found = reached(module, source_of, lambda name: name == root or name.startswith(f"{root}."))
    if module not in found:
        raise NeurochipError(f"{where}: no Python source of module '{module}' is installed; mend the package")
    return found, files[module]


def _parse(text: str, where: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise NeurochipError(f"{where}: line {error.lineno}: {error.msg}; mend it there") from None
    except ValueError as error:  # a null byte
        raise NeurochipError(f"{where}: {error}; mend it there") from None


def _refuse_imports(tree: ast.Module, where: str, folder: Path | None, allowed: Collection[str] | None) -> None:
    """Refuse imports of what is not `allowed`, and, from a plugin by path, of what lies in its `folder`."""
    for name, line in imports_of(tree):
        root = name.partition(".")[0]
        if root in sys.stdlib_module_names or name == "neurochip" or (not root and not folder):
            continue
        if folder and (not root or (root != "neurochip" and _is_beside(folder, root))):
            raise NeurochipError(
                f"{where}: line {line}: imports '{name}', which lies beside it; a plugin by path is one file: put it in there, or make a "
                f"package of both with an entry point"
            )
        if allowed is not None and not any(name == one or name.startswith(f"{one}.") for one in allowed):
            known = ", ".join(sorted(allowed))
            raise NeurochipError(f"{where}: line {line}: imports '{name}'; it may import the standard library, {known}")


def _is_beside(folder: Path, root: str) -> bool:
    there = (folder / f"{root}.py").exists() or (folder / root).is_dir()
    return there and root not in metadata.packages_distributions()


def refuse_raised(error: BaseException, where: str, file: str) -> NoReturn:
    """Refuse what a user's code raised: tell the line of `file` in which the exception came up, or passed through."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:  # a text that says what it may not, and what to write instead
        raise NeurochipError(f"{where if error.filename == file else error.filename}: line {error.lineno}: {error.msg}") from None
    trace, line, known = error.__traceback__, 0, {}
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line, known = trace.tb_lineno, trace.tb_frame.f_globals
        trace = trace.tb_next
    reason = reason_of(error) if isinstance(error, Exception) else "it ends the program"
    if called := re.match(r"(\w+)\.__(?:new|init)__\(\) got an unexpected keyword argument", reason):
        fields = getattr(known.get(called[1]), "_fields", ())  # of a named tuple, as State(8, signed=True)
        reason += f"; {called[1]} takes {', '.join(fields)}" if fields else ""
    if reason.startswith("Failed in nopython mode"):  # Numba: once per callee; then why, and later where
        told = re.sub(r"Failed in nopython mode.*\n", "", str(error))
        first, *rest = [line.strip(" >") for line in told.splitlines() if line.strip()]
        reason = f"{first} {rest[0]}" if first.endswith(":") and rest else first  # what was called, with which types
        lines = re.findall(rf'File "[^"]*{re.escape(Path(file).name)}", line (\d+)', told)
        line = int(lines[-1]) if lines else line
    at = f"line {line}: " if line else ""
    raise NeurochipError(f"{where}: {at}{type(error).__name__}: {reason}; mend it there") from None


def _exporting(module: ModuleType, where: str, exports: Collection[str], what: str) -> ModuleType:
    if not any(hasattr(module, name) for name in exports):
        raise NeurochipError(f"{where}: has no {' or '.join(exports)}, by which {what} is known; add it at the end of the file")
    return module


# ---- entry points


def entries(group: str) -> dict[str, list[tuple[metadata.EntryPoint, str]]]:
    """Return the entry points of `group` by name, sorted, each with its origin; more than one of a name if several packages have it."""
    found: dict[str, list[tuple[metadata.EntryPoint, str]]] = {}
    seen = set()
    for entry in metadata.entry_points(group=group):
        package, version = (entry.dist.name, entry.dist.version) if entry.dist else ("?", "?")
        if (entry.name, entry.value, package) not in seen:  # a package can be found twice, by two folders of sys.path
            seen.add((entry.name, entry.value, package))
            found.setdefault(entry.name, []).append((entry, f"entry point of package {package} version {version}"))
    return dict(sorted(found.items()))


def _entry(group: str, name: str) -> tuple[metadata.EntryPoint, str]:
    known = entries(group)
    if name not in known:
        raise NeurochipError(f"no installed package has an entry point '{name}' of group {group}{did_you_mean(name, known)}")
    if len(known[name]) > 1:
        owners = " and ".join(origin for _, origin in known[name])
        raise NeurochipError(f"'{name}' of group {group} is an {owners}; uninstall one of them")
    return known[name][0]


def entry_toml(group: str, name: str) -> Plugin:
    """Return the TOML file that entry point `name` of `group` stands for: `<name>.toml` in the package that it names."""
    entry, origin = _entry(group, name)
    where = f"{entry.value}/{name}.toml ({origin})"
    try:
        file = resources.files(entry.module) / f"{name}.toml"
    except (Exception, SystemExit) as error:
        refuse_raised(error, where, "")
    if not file.is_file() or not isinstance(file, Path):
        raise NeurochipError(f"{where}: no such file in the package; mend the package")
    return Plugin(name, origin, file, {file.name: read_source(file, "a TOML file")})
