"""Borrowed views: a piece of an array without a reference count.

An ordinary slice inside a kernel costs two atomic operations; cutting a core's twenty arrays out of the chip took 0.4 us, a third of a
whole tick's row additions. A borrowed view is a pointer and a length. It must not outlive the call that was handed the whole array.
`borrow_all` does it for all arrays of a named tuple: handing a whole chip from function to function, counted, cost 0.9 us each time.
Interpreted (`NUMBA_DISABLE_JIT=1`), they are plain slices, and the tuple as it is.
"""

import os

from numba import types
from numba.core.cgutils import unpack_tuple
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array


@intrinsic
def _borrow(typing_context, array, start, shape):
    """A C-contiguous view of `shape` (a tuple of intp) that starts at element `start` of a C-contiguous array."""
    view_type = types.Array(array.dtype, len(shape), "C")

    def codegen(context, builder, signature, args):
        source = make_array(signature.args[0])(context, builder, args[0])
        view = make_array(signature.return_type)(context, builder)
        sizes = unpack_tuple(builder, args[2])
        strides, step = [], source.itemsize
        for size in reversed(sizes):
            strides.insert(0, step)
            step = builder.mul(step, size)
        data = builder.gep(source.data, [args[1]])
        populate_array(view, data=data, shape=sizes, strides=strides, itemsize=source.itemsize, meminfo=None)
        return view._getvalue()

    return view_type(array, types.intp, types.UniTuple(types.intp, len(shape))), codegen


@intrinsic
def _borrow_all(typing_context, arrays):
    """The same array, or named tuple of arrays or of such tuples, none of which is counted."""

    def without_counts(context, builder, kind, value):
        if isinstance(kind, types.BaseTuple):
            parts = [without_counts(context, builder, part, builder.extract_value(value, i)) for i, part in enumerate(kind)]
            return context.make_tuple(builder, kind, parts)
        array = make_array(kind)(context, builder, value)
        array.meminfo = context.get_constant_null(types.voidptr)
        return array._getvalue()

    def codegen(context, builder, signature, args):
        return without_counts(context, builder, signature.args[0], args[0])

    return arrays(arrays), codegen


if os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0"):
    borrow, borrow_all = _borrow, _borrow_all
else:

    def borrow_all(arrays):
        """The arrays as they are."""
        return arrays

    def borrow(array, start, shape):
        """The same view as a plain slice."""
        size = 1
        for n in shape:
            size *= int(n)
        return array.reshape(-1)[int(start) : int(start) + size].reshape(shape)
