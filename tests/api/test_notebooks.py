"""The notebooks of docs/notebooks, executed at small size: no cell fails, and what they show is there.

The cell tagged `parameters` is followed by one with small sizes. MNIST is used where it is, else made-up images as large, and it says so.
"""

import os
import warnings
from pathlib import Path

import numpy as np
import pytest

import neurochip as nc

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "notebooks"
SIZES = {"run.epochs": 1, "data.train_samples": 200, "data.test_samples": 100}
SMALL = {
    "my_first_chip": {},
    "my_own_learning_rule": {"STEPS": (1, 8)},
    "read_a_run_and_plot_it": {"FOLDER": "runs/small"},
}
FEWEST_PICTURES = {"my_first_chip": 2, "my_own_learning_rule": 0, "read_a_run_and_plot_it": 3}


def data(folder: Path) -> dict[str, object]:
    """Settings that name MNIST, or images of the same form where it is not on this machine."""
    if any(entry.name == "mnist" and entry.where for entry in nc.available_datasets()):
        return {}
    print("MNIST is not on this machine: the notebooks run on made-up images")
    rng = np.random.default_rng(1)
    images = {f"x_{part}": rng.integers(0, 256, (n, 28, 28)).astype(np.uint8) for part, n in (("train", 200), ("test", 100))}
    np.savez(folder / "data.npz", **images, y_train=np.arange(200) % 10, y_test=np.arange(100) % 10)
    return {"data.name": "npz", "data.path": str(folder / "data.npz")}


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_a_notebook_runs(name, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    book = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    (at,) = (i for i, cell in enumerate(book.cells) if "parameters" in cell.metadata.get("tags", ()))
    small = {"SIZE": SIZES | data(tmp_path), **SMALL[name]}
    assert all(f"{key} = " in book.cells[at].source for key in small), "a parameter that the notebook does not have"
    book.cells.insert(at + 1, nbformat.v4.new_code_cell("\n".join(f"{key} = {value!r}" for key, value in small.items())))
    client = nbclient.NotebookClient(book, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the client's own libraries
        client.execute()
    outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "stream" and output.name == "stderr"]
    shown = [output.data for output in outputs if "data" in output]
    assert sum("image/png" in one for one in shown) >= FEWEST_PICTURES[name]
    assert any("text/html" in one for one in shown)
    if where := os.environ.get("NEUROCHIP_KEEP_NOTEBOOKS"):  # to look at them
        nbformat.write(book, Path(where) / f"{name}.ipynb")


def test_every_notebook_is_executed_and_holds_no_outputs():
    books = {path.stem: nbformat.read(path, as_version=4) for path in FOLDER.glob("*.ipynb")}
    assert set(books) == set(SMALL)
    for book in books.values():
        nbformat.validate(book)
        assert not [cell for cell in book.cells if cell.cell_type == "code" and (cell.outputs or cell.execution_count)]
