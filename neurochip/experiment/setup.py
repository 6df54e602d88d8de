"""The experiment file: TOML -> checked models. Unknown keys are refused with the nearest known one; `--set table.key=value` overrides."""

import contextlib
import copy
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, InstanceOf, PrivateAttr, field_validator, model_validator

from neurochip import datasets
from neurochip.common.errors import NeurochipError, did_you_mean
from neurochip.common.files import digest_of
from neurochip.common.layers import Kind, Layered, Location, path_keys, read_layered
from neurochip.common.plugins import Plugin, is_path
from neurochip.common.toml import STRICT, find, override, read_toml, validate
from neurochip.core.rules import Rule, Setting
from neurochip.energy.sized import Core
from neurochip.energy.table import EnergyTable, load_table
from neurochip.experiment.chip import Chip, load_chip
from neurochip.experiment.faults import FaultModel
from neurochip.experiment.layers import NetworkModel, PartModel
from neurochip.experiment.lifelong import LifelongModel
from neurochip.experiment.models import ChipTable, DataModel, EnergyModel, RecordModel, ReferenceModel, RuleModel, RunModel
from neurochip.experiment.rules import LearningRule, find_rule, guarded, refuse_reals, refuse_unrunnable, reward_fault
from neurochip.experiment.sweep import SweepModel
from neurochip.experiment.training import ReadoutModel, TrainModel

KIND = Kind(
    "experiments",
    "experiment",
    names=("data.name", "chip.preset", "chip.rng.kind", "energy.table", "network.preset", "rule.name"),
    files=("data.path", "network.weights", "train.conversion.ann"),
    choices=(
        *("data.name", "chip.preset", "rule.name"),
        *(f"network.{neuron}.model" for neuron in ("neuron", "pool_neuron", "output_neuron")),
    ),
    either=(("network.preset", "network.layers"),),
)


class Experiment(BaseModel):
    """One experiment: everything that decides a run's bits."""

    model_config = STRICT

    name: str = Field(min_length=1)
    seed: int = Field(default=1, ge=0, lt=2**32)
    data: DataModel
    chip: ChipTable
    network: NetworkModel
    mapping: dict[str, PartModel] = Field(default={}, description="how layers are cut over cores, by name of the layer")
    rule: RuleModel
    run: RunModel
    energy: EnergyModel
    record: RecordModel = Field(default_factory=RecordModel)
    reference: ReferenceModel = Field(default_factory=ReferenceModel)
    train: TrainModel | None = None
    readout: ReadoutModel | None = None
    lifelong: LifelongModel | None = None
    faults: FaultModel | None = None
    sweep: SweepModel | None = Field(default=None, exclude=True)  # of a study, not of its runs
    _found: LearningRule = PrivateAttr()

    @field_validator("name")
    @classmethod
    def _names_a_folder(cls, name: str) -> str:
        if name != name.strip() or name.startswith(".") or not name.isprintable() or set("/\\") & set(name):
            raise ValueError("it names the run's folder: no / or \\, no leading dot, no spaces around it")
        return name

    @model_validator(mode="after")
    def _rule_is_known(self) -> Self:
        try:
            self._found = find_rule(self.rule.name)
            refuse_reals(self._found)
            refuse_unrunnable(self._found)
        except NeurochipError as error:
            name = "" if is_path(self.rule.name, ".py") else f" = '{self.rule.name}'"  # the error begins with a path
            raise ValueError(f"[rule] name{name}: {error}") from None
        settings = self.learning_rule.settings
        for key, value in (self.rule.model_extra or {}).items():
            if key not in settings:
                known = [*settings, *RuleModel.model_fields]
                raise ValueError(f"[rule] {key}: unknown key of rule {self.rule_name}{did_you_mean(key, known)}")
            low, high = settings[key].low, settings[key].high
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise ValueError(f"[rule] {key} = {value!r}: must be a number from {low:g} to {high:g}")
        if self.rule.beta * 16 != int(self.rule.beta * 16):
            raise ValueError(f"[rule] beta = {self.rule.beta}: must be a multiple of 1/16")
        self._check_layer_settings(settings)
        for key, default in (("error_streams", "signed"), ("feedback", "transposed")):
            given, learns_from = getattr(self.network, key), self.learning_rule.learns_from
            if learns_from not in ("errors", None) and given != default:
                raise ValueError(f"[network] {key} = '{given}': rule {self.rule_name} learns from {learns_from}, no errors; leave it out")
        return self

    def _check_layer_settings(self, settings: Mapping[str, Setting]) -> None:
        for i, layer in enumerate(self.network.layers):
            for key, value in layer.rule.items():
                if key not in settings:
                    raise ValueError(f"[network.layers[{i}].rule] {key}: unknown key of rule {self.rule_name}{did_you_mean(key, settings)}")
                if not settings[key].low <= value <= settings[key].high:
                    low, high = settings[key].low, settings[key].high
                    raise ValueError(f"[network.layers[{i}].rule] {key} = {value!r}: must be a number from {low:g} to {high:g}")

    @model_validator(mode="after")
    def _ticks_fill_the_pipeline(self) -> Self:
        depth = len(self.network.layers)
        for key, ticks in (("ticks", self.run.ticks), ("test_ticks", self.test_ticks)):
            first = max(self.warmup_ticks if key == "ticks" else 0, self.read_from_tick)
            if ticks <= first or ticks < depth:
                raise ValueError(
                    f"[run] {key} = {ticks}: {depth} layers with warmup_ticks = {self.warmup_ticks}, read_from_tick = "
                    f"{self.read_from_tick} need at least {max(first + 1, depth)} ticks; raise {key} or lower the other two"
                )
        return self

    @model_validator(mode="after")
    def _breaks_in_time(self) -> Self:
        if self.faults and isinstance(first := self.faults.from_epoch, int) and 0 < self.run.epochs < first:
            raise ValueError(f"[faults] from_epoch = {first}: the run has {self.run.epochs} epochs; lower it, or 'after'")
        return self

    @model_validator(mode="after")
    def _reward_can_be(self) -> Self:
        ends_early = self.run.exit is not None and self.run.exit.train
        if told := reward_fault(self.learning_rule, self.run.reward, self.run.ticks, ends_early):
            raise ValueError(told)
        return self

    @model_validator(mode="after")
    def _exit_can_be(self) -> Self:
        asked = self.run.exit
        if asked is None:
            return self
        if self.run.readout == "spikes" and self.network.layers[-1].neuron.model != "accumulate" and asked.margin % 1:
            raise ValueError(f"[run] exit.margin = {asked.margin:g}: readout = 'spikes' counts wins; give a whole number")
        for key, ticks in (("test_ticks", self.test_ticks), *([("ticks", self.run.ticks)] if asked.train else [])):
            if self.exit_min_ticks > ticks:
                raise ValueError(f"[run] exit.min_ticks = {self.exit_min_ticks}: must be at most {key} = {ticks}; lower it or raise {key}")
        if self.readout is not None:
            raise ValueError("[run] exit: not with [readout], which is fitted to the spikes of all ticks; leave one of them out")
        if asked.train and self.record.samples and self.record.epoch != "final":
            raise ValueError(
                "[run] exit.train = true: [record] samples: a recorded training sample has all of its ticks; set epoch = 'final' there, or "
                "leave one of them out"
            )
        return self

    @model_validator(mode="after")
    def _lifelong_can_be(self) -> Self:
        if self.lifelong is None:
            return self
        if table := next((name for name in ("readout", "train") if getattr(self, name) is not None), None):
            raise ValueError(f"[lifelong]: not with [{table}], which sees all classes at once; leave one of them out")
        if self.record.samples and self.record.epoch != "final":
            raise ValueError("[lifelong]: [record] samples: positions in an epoch of a task; set epoch = 'final' there, or leave one out")
        return self

    @property
    def n_epochs(self) -> int:
        """Epochs of a whole training: `run.epochs`, with [lifelong] of each task."""
        return self.run.epochs * (len(self.lifelong.tasks) if self.lifelong else 1)

    def epoch_of_schedule(self, epoch: int) -> int:
        """Return the epoch, from 0, whose rates hold: each task of [lifelong] is learned as if it were the first."""
        return epoch % self.run.epochs if self.lifelong and self.run.epochs else epoch

    @property
    def learning_rule(self) -> Rule:
        """The rule of that name."""
        return guarded(self._found)

    @property
    def rule_plugin(self) -> Plugin:
        """The rule as a plug-in: the place it came from, and its sources."""
        return self._found.plugin

    @property
    def rule_name(self) -> str:
        """Name of the rule for a message: of a path the file's."""
        return self.rule_plugin.name

    @property
    def test_ticks(self) -> int:
        """Ticks per test sample."""
        return self.run.test_ticks if self.run.test_ticks is not None else self.run.ticks

    @property
    def warmup_ticks(self) -> int:
        """First tick with learning: by default when an error can have come back to the first layer."""
        return self.run.warmup_ticks if self.run.warmup_ticks is not None else 2 * len(self.network.layers)

    @property
    def read_from_tick(self) -> int:
        """First tick that counts in the read-out."""
        return self.run.read_from_tick if self.run.read_from_tick is not None else self.warmup_ticks

    @property
    def exit_min_ticks(self) -> int:
        """Ticks before which no sample ends early: by default those that the input takes to the output, and one that is read out."""
        given = self.run.exit.min_ticks if self.run.exit else None
        return max(len(self.network.layers), self.read_from_tick + 1) if given is None else given

    def layer_settings(self, i: int) -> dict[str, float]:
        """Return the rule's settings in layer i."""
        return self.rule_settings | self.network.layers[i].rule

    @property
    def rule_settings(self) -> dict[str, float]:
        """The rule's settings with defaults filled in."""
        given = self.rule.model_extra or {}
        return {key: float(given.get(key, setting.default)) for key, setting in self.learning_rule.settings.items()}


class Setup(BaseModel):
    """An experiment with the files it names, loaded and checked: all that a run needs beside its data."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    experiment: InstanceOf[Experiment]  # checked already, with what its relative paths start from
    chip: Chip
    energy_table: EnergyTable
    where: str
    folder: Path = Path()
    """That of the experiment's file, absolute: paths below it are told as seen from there, so that it can be moved."""
    starts: Mapping[str, str] = {}
    """SHA-256 of the files that it starts from, as they were when it was loaded: `weights` of the network, `ann` of the conversion."""
    plugins: Mapping[str, InstanceOf[Plugin]] = {}
    """By kind: the rule, which is put in here, and what else is not wholly in the models above ("data", ...). Their hashes are part of the
    identity, their sources of run.h5."""

    @model_validator(mode="before")
    @classmethod
    def _with_the_rule(cls, given: dict[str, Any]) -> dict[str, Any]:
        return given | {"plugins": {"rule": given["experiment"].rule_plugin, **given.get("plugins", {})}}

    def resolved(self) -> dict[str, Any]:
        """Return the experiment with every default filled in, its paths as seen from its folder."""
        content = self.experiment.model_dump()
        if content["faults"] is None:
            del content["faults"]  # the identity of a sound chip is what it was
        content["rule"] |= self.experiment.rule_settings
        content["run"] |= {key: getattr(self.experiment, key) for key in ("test_ticks", "warmup_ticks", "read_from_tick")}
        if content["run"]["exit"]:
            content["run"]["exit"]["min_ticks"] = self.experiment.exit_min_ticks
        for table, key in path_keys(KIND, content):
            path = Path(table[key]).absolute()
            table[key] = f"./{path.relative_to(self.folder).as_posix()}" if path.is_relative_to(self.folder) else str(path)
        return content

    def sha256(self) -> str:
        """Hash everything that decides the results: experiment, chip, energy table, all defaults filled in.

        Of files and plugins what is in them counts, not where they lie; the data themselves are not in it.
        """
        experiment = self.resolved()
        del experiment["chip"], experiment["energy"], experiment["network"]["preset"], experiment["data"]["path"]
        del experiment["run"]["checkpoint_s"]
        for table, key in (("data", "name"), ("rule", "name")):
            experiment[table][key] = Path(experiment[table][key]).name  # of a plugin, whose hash counts, the file's name
        experiment["network"]["weights"] = self.starts.get("weights")
        if experiment["train"] and experiment["train"]["conversion"]:
            experiment["train"]["conversion"]["ann"] = self.starts.get("ann")
        content = {
            "experiment": experiment,
            "chip": self.chip.model_dump(),
            "energy_table": self.energy_table.model_dump(by_alias=True),
            "plugins": {kind: plugin.sha256 for kind, plugin in self.plugins.items()},
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def load_setup(file: str, settings: tuple[str, ...] = (), seed: int | None = None) -> Setup:
    """Load an experiment (a path, or the name of a shipped one) with `table.key=value` overrides, and the chip and prices it names.

    Relative paths start from the folder of the file that names them; those in `settings` from the working folder.
    """
    path = Path(file) if Path(file).is_file() else find(file, KIND.folder, KIND.what, "")
    layers = read_layered(path, KIND)
    data, where = layers.data, str(path) + (" with --set" if settings else "")
    if isinstance(data.get("network"), dict) and {"preset", "layers"} <= set(data["network"]):
        raise NeurochipError(f"{where}: [network] preset and layers: both say what the layers are; leave one out")
    for setting in sorted(settings, key=lambda text: not text.startswith("network.preset=")):
        if not setting.startswith("network.preset="):
            _expand_preset(data, where)  # so that a layer of the preset can be overridden
        override(data, setting)
    _expand_preset(data, where)
    if seed is not None:
        data["seed"] = seed
    experiment = validate(Experiment, data, _where_of(layers, settings, where))
    chip = load_chip(experiment.chip.preset, experiment.chip.model_extra or {}, f"{where}: [chip]")
    table = load_table(find(experiment.energy.table, "energy_tables", "energy table", f"{where}: [energy] table: "))
    largest = Core(chip.core.n_axons, chip.core.n_neurons)
    table.for_memory(chip.core.word_bits, chip.core.bank_words, largest)  # refused now, not after hours of training
    brought = {"data": plugin} if (plugin := datasets.plugin_of(experiment.data.name)) else {}
    return Setup(
        experiment=experiment, chip=chip, energy_table=table, where=where, folder=path.parent.absolute(),
        starts=_starts(experiment), plugins=brought,
    )  # fmt: skip


def _starts(experiment: Experiment) -> dict[str, str]:
    conversion = experiment.train.conversion if experiment.train else None
    given = {"weights": experiment.network.weights, "ann": conversion.ann if conversion else None}
    return {key: digest_of(Path(path)) for key, path in given.items() if path}


def _where_of(layers: Layered, settings: tuple[str, ...], where: str) -> Callable[[Location], str]:
    """What begins a message: the base that says what is wrong, unless --set says it."""
    typed: dict[str, Any] = {}
    for setting in settings:
        with contextlib.suppress(NeurochipError):  # into a list, which is told as the file's
            override(typed, setting)
    return Layered(layers.data, ((where, typed), (where, layers.parts[0][1]), *layers.parts[1:])).where(where)


def _expand_preset(data: dict[str, Any], where: str) -> None:
    """Put the layers of the network that `network.preset` names where `network.layers` would be."""
    network = data.get("network")
    preset = network.get("preset") if isinstance(network, dict) else None
    if isinstance(preset, str) and "layers" not in data["network"]:
        layers = read_toml(find(preset, "networks", "network", f"{where}: [network] preset: ")).get("layers")
        data["network"]["layers"] = copy.deepcopy(layers)
