"""Workers of a study: processes of this machine (joblib's loky), or those of a Dask cluster. Outcomes come as runs end."""

from collections.abc import Iterator, Sequence
from typing import Any

from neurochip.common.errors import NeurochipError, reason_of
from neurochip.study.jobs import Job, Outcome, run_job

BACKENDS = ("loky", "dask")
NO_DASK = "--backend dask needs distributed, which is not installed; install it with: pip install 'neurochip[dask]'"
LOST = "every complete run is kept, the others go on from their checkpoints: give the same command with --resume"


class Workers:
    """Processes that run jobs; used in a `with`, which ends them."""

    def __init__(self, n: int, backend: str = "loky", address: str | None = None) -> None:
        self.n = n
        self.backend = backend
        self._client = _dask_client(address) if backend == "dask" else None

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.close()

    def outcomes(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Outcome]]:
        """Yield (position in `jobs`, outcome) as runs end. Raises NeurochipError if a worker dies, and what a full disk raises."""
        if self._client is not None:
            yield from _on_dask(self._client, jobs)
        elif self.n == 1 or len(jobs) == 1:
            for i, job in enumerate(jobs):
                yield i, run_job(job)
        else:
            yield from _on_loky(jobs, self.n)


def _numbered(i: int, job: Job) -> tuple[int, Outcome]:
    return i, run_job(job)


def _on_loky(jobs: Sequence[Job], n: int) -> Iterator[tuple[int, Outcome]]:
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    parallel = Parallel(n_jobs=n, backend="loky", return_as="generator_unordered", batch_size=1, pre_dispatch=n)
    try:
        yield from parallel(delayed(_numbered)(i, job) for i, job in enumerate(jobs))
    except TerminatedWorkerError as error:
        raise NeurochipError(
            f"sweep: a worker died ({reason_of(error)}), perhaps for want of memory: give fewer --workers; {LOST}"
        ) from None


def _dask_client(address: str | None) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise NeurochipError(NO_DASK) from None
    if address is None:
        raise NeurochipError("--backend dask: give --address, that of the scheduler, as tcp://host:8786")
    try:
        client = Client(address, timeout=10, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise NeurochipError(
            f"--address {address}: no Dask scheduler answers ({reason_of(error)}); start one with: dask scheduler"
        ) from None
    threads = [worker["nthreads"] for worker in client.scheduler_info(n_workers=-1)["workers"].values()]
    if max(threads, default=1) > 1:
        client.close()
        raise NeurochipError(
            f"--address {address}: a worker has {max(threads)} threads; start workers with --nthreads 1: a run is a process"
        )
    return client


def _on_dask(client: Any, jobs: Sequence[Job]) -> Iterator[tuple[int, Outcome]]:
    from distributed import as_completed
    from distributed.scheduler import KilledWorker

    futures = client.map(_numbered, range(len(jobs)), jobs, pure=False)  # of a dead worker the scheduler gives them to another
    try:
        for future in as_completed(futures, loop=client.loop):
            yield future.result()
    except KilledWorker as error:
        raise NeurochipError(f"sweep: several workers died at one run ({reason_of(error)}); {LOST}") from None
    finally:
        client.cancel(futures)
