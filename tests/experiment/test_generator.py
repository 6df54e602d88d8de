"""Random generators as data: those that ship, those of users, and what is refused."""

import json
import re

import numpy as np
import pytest
from support.tiny import write_experiment

from neurochip.common.errors import NeurochipError
from neurochip.common.toml import shipped
from neurochip.core import rng
from neurochip.core.rng import RngParam, advance, jump_table
from neurochip.cosim.core.package import NotInRtl, refuse_if_not_rtl
from neurochip.experiment.chip import Chip, load_chip
from neurochip.experiment.generator import Generator, _has_full_period, generators, load_generator
from neurochip.experiment.setup import load_setup
from neurochip.mapping.place import place

LFSR24 = 'name = "lfsr24"\nkind = "lfsr"\nbits = 24\nmask = 0xE10000\nsource = "x^24 + x^23 + x^22 + x^17 + 1"\n'
XORSHIFT24 = 'name = "xs24"\nkind = "xorshift"\nbits = 24\nshifts = [3, 7, 5]\nsource = "found by search"\n'


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


def period(next_word, start=1):
    """Words until the first comes again."""
    word, n = next_word(start), 1
    while word != start:
        word, n = next_word(word), n + 1
    return n


@pytest.mark.parametrize(("mask", "is_full"), [(0xB400, True), (0xD008, True), (0xB401, False), (0x8000, False), (0xA000, False)])
def test_the_period_is_found_from_the_matrix(mask, is_full):
    """Counted on the other side, word by word."""
    assert _has_full_period("lfsr", 16, mask, (0, 0, 0)) == is_full
    if mask & 0x8000:  # else the start does not come again
        assert (period(lambda word: (word >> 1) ^ (mask if word & 1 else 0)) == 2**16 - 1) == is_full


@pytest.mark.parametrize("name", shipped("generators"))
def test_every_shipped_generator_has_its_name_and_a_known_answer(name):
    assert generators()[name].name == name and generators()[name].known and load_generator(name) == generators()[name]


@pytest.mark.parametrize("text", [LFSR24, XORSHIFT24])
def test_the_kernels_step_a_users_generator(text, tmp_path):
    made = load_generator(write(tmp_path / "mine.toml", text))
    full, param, word, words = 2**24 - 1, made.vector(), 1, []
    for _ in range(50):
        if made.kind == "lfsr":
            word = (word >> 1) ^ (0xE10000 if word & 1 else 0)
        else:
            word ^= word << 3 & full
            word ^= word >> 7
            word ^= word << 5 & full
        words.append(word)
    state, seen = np.ones(3, np.uint32), []
    for _ in words:
        rng.step(state, 3, param)
        seen.append(int(state[2]))
    assert seen == words
    jumped = np.ones(1, np.uint32)
    advance(jumped, jump_table(param, 50))
    assert jumped[0] == words[-1]
    advance(jumped, jump_table(param, made.period))
    assert jumped[0] == words[-1]


def test_a_chip_holds_what_its_generator_is(tmp_path):
    write(tmp_path / "generators" / "mine.toml", LFSR24)
    chip = load_chip(write(tmp_path / "chip.toml", 'base = "reference"\nname = "c"\nrng.kind = "generators/mine.toml"\n'), {}, "test")
    assert (chip.rng.kind, chip.generator.mask, chip.rng_param()[RngParam.BITS]) == ("lfsr24", 0xE10000, 24)
    assert Chip.model_validate_json(chip.model_dump_json()) == chip and str(tmp_path) not in chip.model_dump_json()
    written_out = 'base = "reference"\nname = "c"\nrng.kind = "lfsr24"\n[rng.generator]\n' + LFSR24
    assert load_chip(write(tmp_path / "other.toml", written_out), {}, "test") == chip
    assert load_chip(str(tmp_path / "chip.toml"), {"rng": {"kind": "xorshift32"}}, "x").generator.name == "xorshift32"
    assert load_chip(str(tmp_path / "chip.toml"), {"rng": {"sharing": "broadcast"}}, "x").generator.name == "lfsr24"


def test_an_experiment_names_a_generator_beside_it(tmp_path):
    (tmp_path / "a").mkdir()
    path = write_experiment(tmp_path / "a", more='[chip.rng]\nkind = "./mine.toml"\n')
    file = tmp_path / "a" / "mine.toml"
    write(file, LFSR24)
    first = load_setup(str(path))
    assert first.chip.generator.bits == 24 and first.resolved()["chip"]["rng"]["kind"] == "./mine.toml"
    (tmp_path / "a").rename(tmp_path / "b")
    moved = str(tmp_path / "b" / "tiny.toml")
    assert load_setup(moved).sha256() == first.sha256()
    write(tmp_path / "b" / "mine.toml", LFSR24.replace("E10000", "D80000"))
    assert load_setup(moved).sha256() != first.sha256()
    assert json.loads(load_setup(moved).chip.model_dump_json())["rng"]["generator"]["mask"] == 0xD80000


FAULTS = {
    "short period": (
        LFSR24.replace("E1", "E0"),
        r"mask = 0xe00000: its words repeat before all 16,777,215 .*; take .*",
    ),
    "short xorshift": (
        XORSHIFT24.replace("[3, 7, 5]", "[1, 2, 3]"),
        r"shifts = \[1, 2, 3\]: its words repeat before .*, or a shipped .*",
    ),
    "long mask": (LFSR24.replace("E1", "1E1"), r"mask = 0x1e10000: has more than bits = 24 bits; widen the generator or shorten the mask"),
    "no mask": (LFSR24.replace("mask", "#"), r"mask: missing; kind = 'lfsr' needs it: add it"),
    "two circuits": (LFSR24 + "shifts = [1, 2, 3]", r"shifts: kind = 'lfsr' has no such key; leave it out"),
    "long shift": (XORSHIFT24.replace("7", "24"), r"shifts = \[3, 24, 5\]: each must be from 1 to 23, below bits = 24"),
    "narrow": (LFSR24.replace("24\n", "8\n"), r"bits = 8: should be greater than or equal to 16.*"),
    "kind": (LFSR24.replace('"lfsr"', '"lcg"'), r"kind = 'lcg': should be 'lfsr' or 'xorshift'"),
    "no source": (LFSR24.replace("source", "#"), r"source: missing; add it"),
    "answer": (
        LFSR24 + "known = { seed = 1, words = [0xE10000, 5] }",
        r"known\.words: word 2 should be 0x5, this generator makes .*",
    ),
    "seed": (LFSR24 + "known = { seed = 0x1000000, words = [5] }", r"known\.seed = 0x1000000: has more than bits = 24 bits; shorten it"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_with_a_generator(fault, tmp_path):
    text, message = FAULTS[fault]
    path = write(tmp_path / "mine.toml", text)
    with pytest.raises(NeurochipError, match=rf"^{re.escape(path)}: {message}$"):
        load_generator(path)


CHIP_FAULTS = {
    "unknown": (
        'rng.kind = "lsfr16"',
        r"chip\.toml: \[rng\] kind: unknown random generator 'lsfr16'; did you mean 'lfsr16'.*",
    ),
    "no file": ('rng.kind = "./no.toml"', r"no\.toml: no such file; give the path of a TOML file"),
    "two names": (
        'rng.kind = "mine"\n[rng.generator]\n' + LFSR24,
        r"chip\.toml: \[rng\].*kind = 'mine', but \[rng\.generator\] is 'lfsr24'.*",
    ),
    "a taken name": ('rng.kind = "./taken.toml"', r"chip\.toml: .*name = 'lfsr16': a shipped generator has this name; choose another"),
}


@pytest.mark.parametrize("fault", CHIP_FAULTS)
def test_what_is_wrong_with_a_chips_generator(fault, tmp_path):
    more, message = CHIP_FAULTS[fault]
    write(tmp_path / "taken.toml", LFSR24.replace('"lfsr24"', '"lfsr16"'))
    with pytest.raises(NeurochipError, match=rf"^{re.escape(str(tmp_path))}/{message}$"):
        load_chip(write(tmp_path / "chip.toml", f'base = "reference"\nname = "c"\n{more}'), {}, "x")


def test_the_rtl_turns_words_of_a_power_of_two(tmp_path):
    path = str(write_experiment(tmp_path, more='[chip.rng]\nkind = "./mine.toml"\nsharing = "rotated"\n'))
    write(tmp_path / "mine.toml", LFSR24)
    setup = load_setup(path)
    with pytest.raises(NotInRtl, match=r"generator 'lfsr24' has 24; use another generator, 'per_unit' or 'broadcast'$"):
        refuse_if_not_rtl(setup, place(setup, (8, 8), 3))
    setup = load_setup(path, ("chip.rng.sharing=per_unit",))
    refuse_if_not_rtl(setup, place(setup, (8, 8), 3))


def test_a_generator_is_what_its_model_says():
    made = Generator(name="g", kind="lfsr", bits=16, mask=0xD008, source="x^16 + x^15 + x^13 + x^4 + 1")
    assert made.period == 65535 and made.vector(4).tolist()[:5] == [0, 16, 4, 0, 0xD008]
