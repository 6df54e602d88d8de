"""Published chips that learn (`published.toml`) beside a run: each figure with source and kind, scaled to the run's node and supply."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, Field, model_validator

from neurochip.common.toml import STRICT, read_toml, validate
from neurochip.report.digits import energy_text, with_digits
from neurochip.report.grids import Column, Grid, per, percent
from neurochip.runfile.load import StoredRun
from neurochip.runfile.summary import TableFacts

FILE = Path(__file__).with_name("published.toml")
METHOD = (
    "Scaled as C V^2, capacitance as the node: energy x (our node / its node) x (our V / its V)^2. Node scaling was found "
    "two to four times off on one circuit (docs/concepts/energy.md): read it as an order of magnitude. A figure without a stated supply is "
    "not scaled."
)
WORDS = {"sop_pj": "energy per SOP", "inference_nj": "energy per inference", "training_nj": "energy per training sample",
         "accuracy": "accuracy", "area_mm2": "area"}  # fmt: skip
SCALED = ("sop_pj", "inference_nj", "training_nj")


class Figure(BaseModel):
    """One figure of a paper."""

    model_config = STRICT

    what: Literal["sop_pj", "inference_nj", "training_nj", "accuracy", "area_mm2"]
    value: float = Field(gt=0)
    vdd_v: float | None = Field(default=None, gt=0)
    kind: Literal["measured", "derived"]
    how: str = ""
    mark: Literal["read", "second-hand"]
    source: str = Field(min_length=1)

    @model_validator(mode="after")
    def _explained(self) -> Self:
        if (self.kind == "derived") != bool(self.how):
            raise ValueError("how: a derived figure says how, a measured one does not")
        return self

    def scaled(self, node_nm: float, table: TableFacts) -> float | None:
        """Return the energy at the node and supply of an energy table; None where one of the four numbers is not known."""
        if self.vdd_v is None or table.node_nm is None or table.vdd_v is None:
            return None
        return self.value * (table.node_nm / node_nm) * (table.vdd_v / self.vdd_v) ** 2


class Published(BaseModel):
    """A chip of the literature."""

    model_config = STRICT

    name: str = Field(min_length=1)
    node_nm: float = Field(gt=0)
    rule: str
    network: str
    paper: str = Field(min_length=1)
    figures: list[Figure] = Field(min_length=1)

    def of(self, what: str) -> Figure | None:
        """Return the figure of that name, if the paper states it."""
        return next((figure for figure in self.figures if figure.what == what), None)


class _Chips(BaseModel):
    model_config = STRICT

    chip: list[Published]


def published_chips() -> list[Published]:
    """Read the chips of `published.toml`, in its order."""
    return validate(_Chips, read_toml(FILE), str(FILE)).chip


def published_grids(run: StoredRun, name: str) -> list[Grid]:
    """Return the table of chips with the run `name` in its first row, and the sources of every figure."""
    chips = published_chips()
    return [_table(run, name, chips), _sources(chips)]


def _table(run: StoredRun, name: str, chips: list[Published]) -> Grid:
    summary, table = run.summary, run.summary.energy_table
    test, train = summary.totals.test, summary.totals.train
    volt = "-" if table.vdd_v is None else f"{table.vdd_v:g}"
    node = "-" if table.node_nm is None else f"{table.node_nm:g}"
    pj = 1000 * per(test.energy_nj_per_sample, per(test.sops, test.samples))
    span = [1000 * per(bound, per(test.sops, test.samples)) for bound in test.energy_nj_per_sample_range or ()]
    per_sop = with_digits(pj) + (f" ({with_digits(span[0])} to {with_digits(span[1])})" if span and span[1] > span[0] else "")
    inference = energy_text(test.energy_nj_per_sample, test.energy_nj_per_sample_range)
    training = energy_text(train.energy_nj_per_sample, train.energy_nj_per_sample_range) if train.samples else "-"
    at = f"at {node} nm, {volt} V" if table.node_nm and table.vdd_v else "scaled: this table says no node"
    columns = [
        Column("nm", [node, *(f"{chip.node_nm:g}" for chip in chips)]),
        Column("V", [volt, *(_supply(chip) for chip in chips)]),
        Column("MNIST or\nas stated", [percent(summary.accuracy.test), *(_accuracy(chip) for chip in chips)]),
        Column("pJ per SOP", [per_sop, *(_stated(chip, "sop_pj") for chip in chips)]),
        Column("inference", [inference, *(_stated(chip, "inference_nj") for chip in chips)]),
        Column("training\nsample", [training, *(_stated(chip, "training_nj") for chip in chips)]),
        Column(f"pJ per SOP\n{at}", [per_sop, *(_at(chip, "sop_pj", table) for chip in chips)]),
        Column(f"inference\n{at}", [inference, *(_at(chip, "inference_nj", table) for chip in chips)]),
        Column(f"training\n{at}", [training, *(_at(chip, "training_nj", table) for chip in chips)]),
    ]
    return Grid("beside published chips that learn (first row: this run, simulated)", "chip", [name, *(c.name for c in chips)], columns)


def _supply(chip: Published) -> str:
    known = sorted({figure.vdd_v for figure in chip.figures if figure.vdd_v})
    return " / ".join(f"{volt:g}" for volt in known) or "-"


def _accuracy(chip: Published) -> str:
    figure = chip.of("accuracy")
    return percent(figure.value) if figure else "-"


def _stated(chip: Published, what: str) -> str:
    figure = chip.of(what)
    return "-" if figure is None else _energy(what, figure.value)


def _at(chip: Published, what: str, table: TableFacts) -> str:
    figure = chip.of(what)
    value = figure.scaled(chip.node_nm, table) if figure else None
    return "-" if value is None else _energy(what, value)


def _energy(what: str, value: float) -> str:
    return with_digits(value) if what == "sop_pj" else energy_text(value)


def _value(figure: Figure) -> str:
    if figure.what == "accuracy":
        return percent(figure.value)
    return (
        f"{with_digits(figure.value)} {'mm2' if figure.what == 'area_mm2' else 'pJ'}"
        if figure.what in ("area_mm2", "sop_pj")
        else (energy_text(figure.value))
    )


def _sources(chips: list[Published]) -> Grid:
    pairs = [(chip, figure) for chip in chips for figure in chip.figures]
    columns = [
        Column("figure", [WORDS[figure.what] for _, figure in pairs], is_text=True),
        Column("value", [_value(figure) for _, figure in pairs]),
        Column("kind", [figure.kind + (f": {figure.how}" if figure.how else "") for _, figure in pairs], is_text=True),
        Column("source", [f"{figure.mark}: {chip.paper}, {figure.source}" for chip, figure in pairs], is_text=True),
    ]
    return Grid("sources of the published figures", "chip", [chip.name for chip, _ in pairs], columns)
