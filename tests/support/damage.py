"""Damage to files, drawn by a seed: bits, parts, tokens of a text, members of an .npz, arrays and attributes of an HDF5 file."""

import io
import re
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np

TOKEN = re.compile(r'"[^"\n]*"|[-+]?\d[\d_.]*(?:[eE][-+]?\d+)?|\btrue\b|\bfalse\b|[A-Za-z_]\w*|[\[\]{}():;,=]')
NUMBER = re.compile(r"(?<![\w.\"])[-+]?\d[\d_.]*(?:[eE][-+]?\d+)?(?![\w.\"])")
TOKENS = (
    "0", "-1", "1", "2", "3.5", "1e308", "1e-308", "nan", "inf", "-inf", '"x"', '""', "true", "[]", "{}", "[1, 2]", "{ a = 1 }",
    "9223372036854775807", "99999999999999999999", "4096", "65537", "-0.0", "0.1x", "1979-05-27", "", "None", "\x00", "\u00e9",
)  # fmt: skip
ODD = (
    b"abc", np.zeros(0), np.array([np.nan]), np.array([[1.0]]), np.array(-1.0), np.zeros((3, 2, 1)), np.array([1j]), np.array([True]),
    np.array(3), np.array([1e308]), np.array([-5]), np.zeros((2, 2, 3, 3)), np.array([b"a", b"b"]), np.array(2**63, np.uint64),
    np.array([np.inf, 1.0]), np.array(0), np.arange(3, dtype=np.int8), np.array(1e-320),
)  # fmt: skip
"""What stands where something else is expected."""


def damaged_bytes(content: bytes, rng: np.random.Generator) -> bytes:
    """Flip bits, cut off, leave out, repeat, or blank a part."""
    changed = bytearray(content)
    at, length = int(rng.integers(len(changed))), int(rng.integers(1, 40))
    match int(rng.integers(8)):
        case 0:
            del changed[at:]
        case 1:
            del changed[at : at + length]
        case 2:
            changed[at:at] = changed[at : at + length]
        case 3:
            changed[at : at + length] = bytes(len(changed[at : at + length]))
        case _:
            for _ in range(int(rng.integers(1, 6))):
                changed[int(rng.integers(len(changed)))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def damaged_text(text: str, rng: np.random.Generator) -> str:
    """Put another token in the place of one, another number in the place of a number; repeat, leave out or exchange lines."""
    lines = text.splitlines(keepends=True)
    at, other = (int(n) for n in rng.integers(len(lines), size=2))
    choice = int(rng.integers(10))
    if choice == 0:
        del lines[at]
    elif choice == 1:
        lines.insert(other, lines[at])
    elif choice == 2:
        lines[at], lines[other] = lines[other], lines[at]
    elif choice == 3:
        return damaged_bytes(text.encode(), rng).decode("utf-8", "surrogateescape")
    else:
        found = list((NUMBER if choice > 6 else TOKEN).finditer(text)) or list(TOKEN.finditer(text))
        match = found[int(rng.integers(len(found)))]
        spelled = [one[0] for one in found]
        new = number_like(match[0], rng) if choice > 7 else TOKENS[rng.integers(len(TOKENS))]
        new = spelled[rng.integers(len(spelled))] if choice == 4 else new
        return text[: match.start()] + new + text[match.end() :]
    return "".join(lines)


def number_like(token: str, rng: np.random.Generator) -> str:
    """Return a number that could stand there as well: near, far, or of the other kind."""
    try:
        value = float(token.replace("_", ""))
    except ValueError:
        return "7"
    near = (value + 1, value - 1, value * 2, value / 2, value * 1000, -value, value + 0.5)[rng.integers(7)]
    return f"{near:g}" if near != int(near) or "." in token else f"{int(near)}"


def damage_npz(path: Path, rng: np.random.Generator) -> None:
    """Damage the bytes of an .npz file, or write it anew with a member changed, replaced, left out, or no array at all."""
    if rng.integers(3) == 0:
        path.write_bytes(damaged_bytes(path.read_bytes(), rng))
        return
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = sorted(members)[rng.integers(len(members))]
    array = np.load(io.BytesIO(members[name]), allow_pickle=False)
    match int(rng.integers(6)):
        case 0:
            del members[name]
        case 1:
            members[name] = damaged_bytes(members[name], rng)
        case 2:
            members[name] = b"not an array"
        case 3:
            members[name] = _saved(np.array([{"a": 1}, None], dtype=object))
        case _:
            members[name] = _saved(np.asarray(other_array(array, rng)))
    with zipfile.ZipFile(path, "w") as archive:
        for one, content in members.items():
            archive.writestr(one, content)


def _saved(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def other_array(array: np.ndarray, rng: np.random.Generator) -> Any:
    """Return an array like this one with a value changed, of another type or shape; or something else."""
    choice = int(rng.integers(7))
    if choice > 4 or array.size == 0 or array.dtype.kind not in "iuf":
        return ODD[rng.integers(len(ODD))]
    if choice == 0:
        return array[:-1] if array.ndim else array[None]
    if choice == 1:
        return array.astype(("int8", "int64", "float32", "float64", "uint16", "complex64")[rng.integers(6)])
    if choice == 2:
        return array.T if array.ndim > 1 else array.reshape(1, -1)
    changed = array.astype(np.int64 if array.dtype.kind in "iu" else np.float64)
    extremes = (1, -1, 40000, -(2**40), 2**40) if array.dtype.kind in "iu" else (np.nan, np.inf, -1e300, 1e-300, -1.0, 2.5)
    flat = changed.reshape(-1)
    flat[rng.integers(len(flat))] = extremes[rng.integers(len(extremes))]
    return changed if choice == 3 else changed.astype(array.dtype, casting="unsafe") if array.dtype.kind != "f" else changed


def damage_h5(path: Path, rng: np.random.Generator) -> None:
    """Write something else in the place of an array, a group or an attribute of an HDF5 file, or leave it out."""
    with h5py.File(path, "r+") as file:
        names: list[tuple[str, str | None]] = [("/", key) for key in file.attrs]
        file.visititems(lambda name, item: names.extend([(name, None), *((name, key) for key in item.attrs)]))
        name, key = names[rng.integers(len(names))]
        gone = rng.integers(6) == 0
        if key is not None:
            old = file[name].attrs[key]
            new = _other_attribute(old, rng)
            del file[name].attrs[key]
            if not gone:
                file[name].attrs[key] = new
            return
        old = file[name][()] if isinstance(file[name], h5py.Dataset) else np.zeros(0)
        del file[name]
        if not gone:
            file[name] = other_array(old, rng) if isinstance(old, np.ndarray | np.generic) else ODD[rng.integers(len(ODD))]


def _other_attribute(old: Any, rng: np.random.Generator) -> Any:
    if isinstance(old, str) and rng.integers(3):
        return damaged_text(old, rng).replace("\x00", " ").encode("utf-8", "replace").decode() if old else "x"
    return other_array(np.asarray(old), rng) if not isinstance(old, str) else ODD[rng.integers(len(ODD))]
