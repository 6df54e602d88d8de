"""The data sets that an experiment can name, and where their files are."""

from pathlib import Path

from neurochip import datasets
from neurochip.api.screen import Shown, console_of
from neurochip.common.screen import show
from neurochip.datasets import Available


def available_datasets() -> list[Available]:
    """List all data sets by name: what each is, where its files are, whether they can be fetched, where it comes from."""
    return datasets.available()


def fetch_dataset(name: str, progress: Shown = False) -> Path:
    """Download a data set into the user's cache, unless it is there and sound, and return its folder.

    Raises NeurochipError if there is none of that name, it has nothing to fetch, or it cannot be had.
    """
    console, quiet = console_of(progress)
    return datasets.fetch(name, lambda text: None if quiet else show(console, text))


def dataset_folders() -> list[Path]:
    """Return the folders that are searched for data sets, in order."""
    return datasets.data_folders()
