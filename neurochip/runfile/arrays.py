"""Types and dimensions of the arrays of a run.h5 that reports draw (docs/run_format.md)."""

import re
from collections.abc import Iterable
from typing import Any

FORMS = (  # path, kinds of dtype, dimensions or the number of columns of a table
    (r"accuracy/\w+", "f", (1,), None),
    (r"raster/\w+/spikes", "iu", (2,), 2),
    (r"raster/\d+/errors", "iu", (2,), 3),
    (r"layers/\d+/weight(_initial)?", "iu", (2, 3), None),
    (r"packets/\w+/latency", "iu", (1,), None),
)
NUMBERS = ("sample", "label", "ticks")  # attributes of the raster


def flaw_of(file: Any, names: Iterable[str]) -> str:
    """Return what is wrong with the first of these data sets of an open run.h5, or with the raster's attributes; "" if nothing is."""
    for name in names:
        kinds, dimensions, columns = next(form[1:] for form in FORMS if re.fullmatch(form[0], name))
        item = file[name]
        dtype, shape = getattr(item, "dtype", None), getattr(item, "shape", None)
        if dtype is None or shape is None:
            return f"'/{name}' is no array"
        if dtype.kind not in kinds and 0 not in shape:
            return f"data set '/{name}' is {dtype}, must be {'real' if kinds == 'f' else 'whole'} numbers"
        if len(shape) not in dimensions or (columns is not None and shape[1] != columns):
            wanted = f"(n, {columns})" if columns else f"{' or '.join(map(str, dimensions))} dimensions"
            return f"data set '/{name}' has shape {shape}, must have {wanted}"
    for key in NUMBERS:
        if getattr(getattr(file["raster"].attrs.get(key), "dtype", None), "kind", "") not in ("i", "u"):
            return f"attribute '{key}' of '/raster' is {file['raster'].attrs.get(key)!r:.40}, must be a whole number"
    return ""
