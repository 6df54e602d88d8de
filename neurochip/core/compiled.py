"""How functions of the core are compiled: `kernel` and `outlined`, which only compiled code calls, and `entry`, which Python does."""

import fcntl
import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from llvmlite import ir
from numba import config, njit, types
from numba.core import cgutils
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.extending import intrinsic


class _WithoutEnvironment:
    """A code generator that looks for no environment of a function: there is no machine code in which one could be set."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)

    def set_env(self, env_name: str, env: Any) -> None:
        """Do nothing."""


class _Part(JITCodeLibrary):
    """Code that is only ever linked into that of its callers, and optimised and made machine code of there.

    Numba would do both here as well, and again at every level of calls: three quarters of the time in which the engine compiles.
    """

    @property
    def codegen(self) -> Any:
        return _WithoutEnvironment(self._codegen)

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """Return 0: there is none."""
        self._ensure_finalized()
        return 0


watchers: list[Callable[[str], None]] = []
"""Told the name of every function that is about to be compiled, and `WAITING`."""
WAITING = "another process, which compiles them"
made: list[str] = []
"""Names of the functions of this process that can be compiled: about as many as are when an engine is compiled."""


@contextmanager
def watched(told: Callable[[str], None]) -> Iterator[None]:
    """Have `told` told what is compiled meanwhile."""
    watchers.append(told)
    try:
        yield
    finally:
        watchers.remove(told)


def tell(name: str) -> None:
    """Tell all watchers."""
    for told in watchers:
        told(name)


class _PartCompiler(Compiler):
    """Numba's compiler, into a `_Part`."""

    def __init__(self, typingctx, targetctx, library, args, return_type, flags, locals) -> None:  # type: ignore[no-untyped-def]
        super().__init__(typingctx, targetctx, library or _Part(targetctx.codegen(), "part"), args, return_type, flags, locals)

    def compile_extra(self, func: Any) -> Any:
        """Compile a function."""
        tell(func.__name__)
        return super().compile_extra(func)


def _compiled(function: Any, **options: Any) -> Any:
    """Compile once for all integers, not again for every constant that it is called with."""
    # Without wrappers for Python and C, which would unpack every array of a core; with NumPy's error model a division by a variable is one
    # instruction (nothing in the core divides by zero).
    wrappers = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    dispatcher = njit(function, error_model="numpy", pipeline_class=_PartCompiler, **wrappers, **options)
    made.append(function.__name__)
    if dispatcher is not function:  # else the JIT is switched off
        template_of = dispatcher.get_call_template
        dispatcher.get_call_template = lambda args, kws: template_of(
            tuple(map(types.unliteral, args)), {name: types.unliteral(kind) for name, kind in kws.items()}
        )
    return dispatcher


def kernel(function: Any) -> Any:
    """Compile a function that is inlined where it is called."""
    return _compiled(function, forceinline=True)


def outlined(function: Any) -> Any:
    """Compile a function that stands by itself, if LLVM does not think better of it."""
    return _compiled(function)


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Hold one function of the folder of compiled code among processes: of two on a cold cache one compiles, and the other then loads that.

    Who only loads what is there does not wait for who compiles another. What holds it ends with the process. A file system that knows no
    locks lets all pass.
    """
    handle = os.open(Path(config.CACHE_DIR, f"{name}.lock"), os.O_RDWR | os.O_CREAT)
    try:
        with suppress(OSError):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                tell(WAITING)
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def entry(signature: Any, **options: Any) -> Callable[[Any], Any]:
    """Make the decorator that compiles a function called from Python for one signature, now and once, or loads what was compiled."""

    def compiled(function: Any) -> Any:
        if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
            return function
        with alone(f"{function.__module__}.{function.__name__}"):
            return njit(signature, cache=True, nogil=True, error_model="numpy", **options)(function)

    return compiled


@functools.lru_cache(maxsize=256)
def address_of(function: Any) -> int:
    """Return the address of the machine code of a function compiled for one signature: what `function_at` makes a function of.

    Numba's own way to hand a function over looks all this up in every call, and takes as long as a few samples.
    """
    (result,) = function.overloads.values()
    address: int = result.library.get_pointer_to_function(result.fndesc.llvm_func_name)
    return address


def function_at(signature: Any) -> Any:
    """Make the function that returns, in compiled code, the function of that signature at an address."""
    kind = types.FunctionType(signature)

    @intrinsic
    def at(typing_context, address):  # type: ignore[no-untyped-def]
        def codegen(context, builder, _signature, args):  # type: ignore[no-untyped-def]
            function = cgutils.create_struct_proxy(kind)(context, builder)
            null = ir.Constant(function.jit_addr.type, None)
            function.c_addr, function.py_addr = null, null
            function.jit_addr = builder.inttoptr(args[0], function.jit_addr.type)
            return function._getvalue()

        return kind(types.int64), codegen

    return at
