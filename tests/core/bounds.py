"""`make bounds`: the engine compiled anew with checked indices does what the unchecked one does.

Not part of the suite, for it takes two minutes and a half of processor time: test_indices.py looks at the indices of the interpreted
engine, which are the same, on these chips and more.
"""

from support import digests
from support.digests import in_a_new_process, tiny_digests


def test_no_index_out_of_bounds_compiled(tmp_path):
    """In a compile cache of its own: Numba's cache does not know whether code checks."""
    lines = in_a_new_process(
        [digests.__file__, "out of bounds"], NUMBA_BOUNDSCHECK="1", NUMBA_DISABLE_JIT="0", NUMBA_CACHE_DIR=str(tmp_path)
    )
    assert lines == ["compiled", *tiny_digests(), "IndexError"]
