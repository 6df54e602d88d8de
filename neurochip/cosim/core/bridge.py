"""The verilated chip in this process: a thin layer of ctypes over wrap.cpp, which documents its functions."""

import ctypes
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from neurochip.cosim import asserted

_POINTER = ctypes.c_void_p


class Job(ctypes.Structure):
    """The `struct Job` of wrap.cpp, field by field."""

    _fields_: ClassVar[Any] = (
        [(name, ctypes.c_int64) for name in ("n_ticks", "n_cores", "n_axons", "input_lanes", "quiet", "traced")]
        + [(name, _POINTER) for name in ("start", "length", "records", "label", "intensity")]
        + [(name, ctypes.c_uint64) for name in ("stall", "stall_threshold")]
        + [(name, ctypes.c_uint64) for name in ("compared", "stalled_spikes", "stalled_errors", "full_links", "late_intensities", "busy")]
        + [(name, ctypes.c_int64) for name in ("tick", "core", "record")]
        + [("cycle", ctypes.c_uint64), ("expected", ctypes.c_uint64 * 4), ("got", ctypes.c_uint64 * 4)]
    )


def _address(array: np.ndarray) -> int:
    assert array.flags.c_contiguous
    return int(array.ctypes.data)


class Rtl:
    """One chip of a built library. With `vcd`, a path and a range of cycles, a library built with tracing writes a waveform of them."""

    def __init__(self, library: Path, vcd: tuple[Path, int, int] | None = None) -> None:
        self._lib = ctypes.CDLL(str(library))
        self._lib.nc_new.restype = _POINTER
        path, first, last = vcd or (Path("unused"), 0, 0)
        self._chip = _POINTER(self._lib.nc_new(str(path).encode(), ctypes.c_uint64(first), ctypes.c_uint64(last)))

    def close(self) -> None:
        """Free the chip; a waveform is complete only then."""
        if self._chip:
            self._lib.nc_free(self._chip)
            self._chip = _POINTER()

    def reset(self) -> None:
        """Apply two cycles of reset: to states, queues and counters; not to memories and generators."""
        self._lib.nc_reset(self._chip)

    def write(self, core: int, address: int, values: np.ndarray, increment: int = 1) -> None:
        """Write uint32 values to successive configuration addresses (or all to one, with increment 0)."""
        data = np.ascontiguousarray(values, dtype=np.uint32)
        self._lib.nc_config_write(
            self._chip, core, ctypes.c_uint32(address), ctypes.c_int64(len(data)), _POINTER(_address(data)), increment
        )

    def read(self, core: int, address: int, n: int, increment: int = 1) -> np.ndarray:
        """Read n uint32 from successive configuration addresses."""
        data = np.zeros(n, dtype=np.uint32)
        self._lib.nc_config_read(self._chip, core, ctypes.c_uint32(address), ctypes.c_int64(n), _POINTER(_address(data)), increment)
        return data

    def wander(self, cycles: int, label: int, intensity: np.ndarray, input_lanes: int) -> None:
        """Begin a sample and run for so many cycles without a comparison: something for a reset to interrupt."""
        padded = np.zeros(max(cycles, 1) * input_lanes, dtype=np.uint8)
        padded[: min(len(intensity), len(padded))] = intensity[: len(padded)]
        lanes = ctypes.c_int64(input_lanes)
        self._lib.nc_idle(self._chip, ctypes.c_int64(cycles), ctypes.c_int32(label), _POINTER(_address(padded)), lanes)

    def violation(self) -> str | None:
        """Return the first assertion that was violated since the chip was made, in whatever it did; None if none was."""
        return asserted.violation(self._lib)

    def run(self, job: Job) -> int:
        """Run `job` in lock-step and return how it ended.

        0: all cycles as expected; 1: a difference, described in the job; 2: the barrier took no sample; 3: an assertion was violated;
        4: another winner left the chip, or in another cycle: expected[0] and got[0] are valid << 16 | unit.
        """
        return int(self._lib.nc_run(self._chip, ctypes.byref(job)))


def make_job(
    n_axons: int, input_lanes: int, quiet: int, traced: bool, start: np.ndarray, length: np.ndarray, records: np.ndarray,
    label: np.ndarray,
    intensity: np.ndarray, stall: int, stall_threshold: int,
) -> Job:  # fmt: skip
    """Make a job over arrays that must stay alive until it has run; without a trace only the chip's outputs are compared.

    start, length int64 (ticks, cores), records int64 (n, 4), label int32 (ticks,), intensity uint8 (samples, n_axons).
    """
    job = Job()
    job.n_ticks, job.n_cores, job.n_axons, job.input_lanes = len(start), start.shape[1], n_axons, input_lanes
    job.quiet, job.traced = quiet, traced
    job.start, job.length, job.records = _address(start), _address(length), _address(records)
    job.label, job.intensity = _address(label), _address(intensity)
    job.stall, job.stall_threshold = stall, stall_threshold
    return job
