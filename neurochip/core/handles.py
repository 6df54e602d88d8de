"""Handles: a named tuple of arrays handed to compiled code as one pointer, to a table of where its arrays lie and how long they are.

A chip has a hundred arrays, each seven words to Numba, and a core almost as many: handed by value from function to function they were most
of the time in which the engine compiled. Of a handle an attribute is an array read from the table, a borrowed one (core/borrow.py). A table
does not change while a kernel runs, so its loads may move out of loops.
"""

import os
from collections.abc import Callable, Sequence
from ctypes import addressof, c_char
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.core.typing.templates import AttributeTemplate
from numba.extending import infer_getattr, intrinsic, lower_getattr_generic, models, register_model
from numba.np.arrayobj import make_array, populate_array
from numba.np.numpy_support import as_dtype

WORD = ir.IntType(64)


class Handle(types.Type):
    """The type of a pointer to the table of a named tuple of arrays (or of such tuples); `words`: how many the table has."""

    def __init__(self, form: types.BaseNamedTuple) -> None:
        self.form, self.fields, self.words = form, dict(zip(form.fields, form.types, strict=True)), 0
        self.places = {}
        for name, kind in self.fields.items():
            self.places[name] = self.words
            self.words += Handle(kind).words if isinstance(kind, types.BaseNamedTuple) else 1 + kind.ndim
        super().__init__(name=f"Handle({form.instance_class.__name__})")


@register_model(Handle)
class _Pointer(models.OpaqueModel):
    pass


@infer_getattr
class _Fields(AttributeTemplate):
    key = Handle

    def generic_resolve(self, handle, name):
        kind = handle.fields.get(name)
        return Handle(kind) if isinstance(kind, types.BaseNamedTuple) else kind


def _word(builder, pointer, place):
    return builder.gep(builder.bitcast(pointer, WORD.as_pointer()), [ir.Constant(WORD, place)])


def _loaded(builder, pointer):
    """A load of what does not change while a kernel runs."""
    value = builder.load(pointer)
    value.set_metadata("invariant.load", builder.module.add_metadata([]))
    return value


@lower_getattr_generic(Handle)
def _field(context, builder, handle, value, name):
    kind, place = handle.fields[name], handle.places[name]
    if isinstance(kind, types.BaseNamedTuple):
        return builder.bitcast(_word(builder, value, place), value.type)
    view = make_array(kind)(context, builder)
    data = _loaded(builder, builder.bitcast(_word(builder, value, place), view.data.type.as_pointer()))
    shape = [_loaded(builder, _word(builder, value, place + 1 + k)) for k in range(kind.ndim)]
    size = ir.Constant(WORD, context.get_abi_sizeof(context.get_data_type(kind.dtype)))
    strides, step = [], size
    for n in reversed(shape):
        strides.insert(0, step)
        step = builder.mul(step, n)
    populate_array(view, data=data, shape=shape, strides=strides, itemsize=size, meminfo=None)
    return view._getvalue()


def opener(form: types.BaseNamedTuple) -> Any:
    """Make the function that opens a table, int64 (words,), in compiled code: it returns the handle."""
    handle = Handle(form)

    @intrinsic
    def open_table(typing_context, table):
        def codegen(context, builder, signature, args):
            return builder.bitcast(make_array(signature.args[0])(context, builder, args[0]).data, context.get_value_type(handle))

        return handle(table), codegen

    return open_table


def selector(owner: types.BaseNamedTuple, form: types.BaseNamedTuple) -> Any:
    """Make the function that returns, of a handle whose table ends in the address of many tables, the handle of one of them."""
    handle, one = Handle(owner), Handle(form)

    @intrinsic
    def select(typing_context, owner, row):
        def codegen(context, builder, signature, args):
            first = _loaded(builder, builder.bitcast(_word(builder, args[0], handle.words), WORD.as_pointer().as_pointer()))
            at = builder.mul(args[1], ir.Constant(WORD, one.words))
            return builder.bitcast(builder.gep(first, [at]), context.get_value_type(one))

        return one(handle, types.intp), codegen

    return select


def writer(form: types.BaseNamedTuple) -> Any:
    """Make the function that writes the table, int64 (words,), of a named tuple of arrays in compiled code."""

    @intrinsic
    def write_table(typing_context, table, arrays):
        if arrays != form:
            raise TypingError(f"{arrays} is not {form}")

        def codegen(context, builder, signature, args):
            words = make_array(signature.args[0])(context, builder, args[0]).data
            place = 0
            for k, kind in enumerate(form.types):
                array = make_array(kind)(context, builder, builder.extract_value(args[1], k))
                shape = [builder.extract_value(array.shape, axis) for axis in range(kind.ndim)]
                for value in (builder.ptrtoint(array.data, WORD), *shape):
                    builder.store(value, _word(builder, words, place))
                    place += 1
            return context.get_dummy_value()

        return types.void(table, arrays), codegen

    return write_table


@intrinsic
def _whole(typing_context, handle):
    def codegen(context, builder, signature, args):
        parts = [_field(context, builder, handle, args[0], name) for name in handle.fields]
        return context.make_tuple(builder, handle.form, parts)

    return handle.form(handle), codegen


if os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0"):
    whole = _whole
else:

    def whole(arrays):
        """Return the named tuple of a handle, to hand it to what was compiled for one. Interpreted, there is nothing else."""
        return arrays


def tabler(form: types.BaseNamedTuple) -> Callable[..., np.ndarray]:
    """Make the function that returns the table, int64, of a named tuple of NumPy arrays, and more words behind it.

    It raises TypeError if an array is not what compiled code takes it for. The arrays must outlive the table's use.
    """
    parts = [
        (name, tabler(kind)) if isinstance(kind, types.BaseNamedTuple) else (name, (as_dtype(kind.dtype), kind.ndim))
        for name, kind in zip(form.fields, form.types, strict=True)
    ]

    def table_of(arrays: Sequence[Any], *more: int) -> np.ndarray:
        words: list[int] = []
        for (name, wanted), array in zip(parts, arrays, strict=True):
            if callable(wanted):
                words.extend(wanted(array))
                continue
            if (array.dtype, array.ndim) != wanted or not array.flags.carray:
                raise TypeError(f"{name}: {array.dtype} of {array.ndim} dimensions, not {wanted}, contiguous, aligned and writeable")
            words.append(addressof(c_char.from_buffer(array)) if array.size else 0)  # the way to an address that takes least time
            words.extend(array.shape)
        return np.array([*words, *more], dtype=np.int64)

    return table_of
