"""Where the ANN of a conversion comes from, if not trained here: a PyTorch state dict or a NIR graph."""

from collections.abc import Callable
from pathlib import Path

from neurochip.common.errors import NeurochipError
from neurochip.mapping.network import Layer
from neurochip.offchip.ann.layers import AnnLayer
from neurochip.offchip.ann.state_dict import read_layers
from neurochip.offchip.nir.fit import read_nir


def read_ann(file: str, layers: list[Layer], input_planes: int, where: str, say: Callable[[str], None]) -> list[AnnLayer | None]:
    """Read the ANN in `file` for each of the experiment's layers, None for pools. `input_planes`: of the image, signs not counted.

    `say` is told what is taken otherwise than the file may mean it. Raises NeurochipError for what cannot be taken, by name.
    """
    about = f"{where}: [train.conversion] ann = '{file}'"
    if not Path(file).is_file():
        raise NeurochipError(f"{about}: no such file; give a NIR graph (.nir) or a PyTorch state dict (.pt)")
    if Path(file).suffix == ".nir":
        return read_nir(Path(file), layers, input_planes, about, say)
    if Path(file).suffix not in (".pt", ".pth"):
        raise NeurochipError(f"{about}: its ending is '{Path(file).suffix}'; give a NIR graph (.nir) or a PyTorch state dict (.pt, .pth)")
    return read_layers(Path(file), layers, input_planes, about, say)
