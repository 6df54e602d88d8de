"""Layers in an experiment file: what they are, how their neurons fire, how they are cut over cores. docs/network.md."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, Strict, model_validator

from neurochip.common.toml import STRICT

MOST_UNITS = 1 << 20  # of a layer, or feature maps
RECURRENT = ("recurrent", "recurrent_gain")
Place = Annotated[tuple[int, int], Strict(False)]  # TOML has no tuples


def given_keys(model: BaseModel) -> list[str]:
    """Return the names of the keys that differ from their defaults."""
    return [
        name for name, field in type(model).model_fields.items() if getattr(model, name) != field.get_default(call_default_factory=True)
    ]


def _kept(shift: int | None, factor: int | None) -> float:
    """What a leak leaves per tick."""
    if factor is not None:
        return factor / 256
    return 1.0 - 2.0**-shift if shift is not None else 1.0


class NeuronModel(BaseModel):
    """[network.layers.neuron]: how a layer's neurons fire; docs/network.md."""

    model_config = STRICT

    model: Literal["stochastic", "lif", "if", "cuba_lif", "accumulate"] = Field(
        default="stochastic", description="cuba_lif: lif behind a synaptic current; accumulate: output, never fires"
    )
    threshold: float = Field(default=1.0, gt=0.0, le=4096.0, description="lif, if, cuba_lif: potential at which a neuron spikes")
    leak_shift: int | None = Field(
        default=None, ge=1, le=15, description="lif, cuba_lif, accumulate: per tick the potential loses its 2**-leak_shift"
    )
    leak_factor: int | None = Field(default=None, ge=0, le=256, description="lif, cuba_lif, accumulate: or is multiplied by this / 256")
    reset: Literal["zero", "subtract"] = Field(
        default="zero", description="lif, if, cuba_lif: after a spike to zero, or less the threshold"
    )
    fires_at: float = Field(
        default=1.0,
        gt=0.0,
        le=1.0,
        description="lif, if, cuba_lif with reset = 'subtract': share of the threshold at which it spikes; the whole is taken",
    )
    refractory_ticks: int = Field(default=0, ge=0, le=255, description="lif, if, cuba_lif: ticks after a spike in which a neuron rests")
    inhibit: bool = Field(
        default=False, description="lif, if, cuba_lif: of the units of a location only the one with the largest potential fires"
    )
    state_bits: int = Field(default=16, ge=4, le=32, description="lif, if, cuba_lif, accumulate: width of the potential, sign included")
    current_leak_shift: int | None = Field(
        default=None, ge=1, le=15, description="cuba_lif: per tick the synaptic current loses its 2**-current_leak_shift"
    )
    current_leak_factor: int | None = Field(default=None, ge=0, le=256, description="cuba_lif: or is multiplied by this / 256")
    current_bits: int = Field(default=16, ge=4, le=32, description="cuba_lif: width of the synaptic current, sign included")
    guard_bits: int = Field(
        default=0, ge=0, le=12, description="cuba_lif: fraction bits of current and potential beyond those of the weights"
    )

    @property
    def leak(self) -> float:
        """Factor on the potential per tick, 0 .. 1: leak_factor / 256, or 1 - 2**-leak_shift; 1 without a leak."""
        return _kept(self.leak_shift, self.leak_factor)

    @property
    def current_leak(self) -> float:
        """Factor on the synaptic current per tick, likewise; 0 of a neuron that has none, whose drive is gone after its tick."""
        return _kept(self.current_leak_shift, self.current_leak_factor) if self.has_current else 0.0

    @property
    def has_current(self) -> bool:
        """True of a neuron with a synaptic current: two words of state."""
        return self.model == "cuba_lif"

    @property
    def has_threshold(self) -> bool:
        """True of a neuron with a memory that fires."""
        return self.model in ("lif", "if", "cuba_lif")

    @model_validator(mode="after")
    def _leaks_once(self) -> Self:
        leaks = [key for key in ("leak_shift", "leak_factor") if getattr(self, key) is not None]
        if self.model in ("lif", "cuba_lif") and len(leaks) != 1:
            raise ValueError(f"model = '{self.model}' needs one of leak_shift and leak_factor")
        if self.model == "accumulate":
            if len(leaks) > 1:
                raise ValueError("model = 'accumulate' takes one of leak_shift and leak_factor, or none; leave one out")
            if foreign := [key for key in given_keys(self) if key not in ("model", "leak_shift", "leak_factor", "state_bits")]:
                raise ValueError(f"{foreign[0]}: a neuron of model = 'accumulate' never fires and has no such key; leave it out")
        elif self.model not in ("lif", "cuba_lif") and leaks:
            raise ValueError(f"{leaks[0]}: a neuron of model = '{self.model}' does not leak; leave it out")
        if self.fires_at != 1.0 and self.reset == "zero":
            raise ValueError(
                f"fires_at = {self.fires_at:g}: goes with reset = 'subtract', of which it leaves the whole threshold; set that"
            )
        if self.fires_at != 1.0 and self.inhibit:
            raise ValueError(f"fires_at = {self.fires_at:g}: with inhibit = true a spike empties the location; leave one of them out")
        if self.model == "stochastic" and (given := given_keys(self)):
            raise ValueError(f"{given[0]}: a neuron of model = 'stochastic' has no memory and no such key; choose 'lif' or 'if'")
        return self

    @model_validator(mode="after")
    def _currents_leak_once(self) -> Self:
        given = given_keys(self)
        leaks = [key for key in ("current_leak_shift", "current_leak_factor") if key in given]
        if self.has_current and len(leaks) != 1:
            raise ValueError("model = 'cuba_lif' needs one of current_leak_shift and current_leak_factor")
        if not self.has_current and (foreign := [key for key in (*leaks, "current_bits", "guard_bits") if key in given]):
            raise ValueError(
                f"{foreign[0]}: a neuron of model = '{self.model}' has no synaptic current; leave it out, or choose 'cuba_lif'"
            )
        return self


class LayerModel(BaseModel):
    """One entry of network.layers."""

    model_config = STRICT

    kind: Literal["dense", "conv", "pool"] = "dense"
    neurons: int | None = Field(default=None, gt=0, le=MOST_UNITS, description="dense: how many")
    filters: int | None = Field(default=None, gt=0, le=MOST_UNITS, description="conv: feature maps")
    kernel: int | None = Field(default=None, gt=0, le=64, description="conv: taps in a row and in a column")
    stride: int = Field(default=1, gt=0, le=64, description="conv: step between neighbouring positions")
    padding: int = Field(default=0, ge=0, le=64, description="conv: empty rows and columns around the input")
    pool: int = Field(
        default=1, gt=0, le=15, description="conv: average pooling of pool x pool positions, one of which is drawn per tick; pool: squares"
    )
    source: str | None = Field(default=None, description="name of the layer it takes spikes from; default: the one before")
    skip: list[str] = Field(default=[], description="names of earlier layers whose spikes arrive here too")
    recurrent: bool = Field(default=False, description="dense, not the output: its own spikes come back to it one tick later")
    recurrent_gain: float = Field(
        default=1.0,
        ge=0.0,
        le=256.0,
        description="recurrent: initial weights of its own spikes have std recurrent_gain * sqrt(2 / neurons)",
    )
    skip_identity: bool = Field(default=False, description="conv: its skips bring each channel to the same channel, and are not trained")
    neuron: NeuronModel = Field(default_factory=NeuronModel)
    rule: dict[str, float] = Field(default={}, description="settings of the learning rule that differ in this layer")
    error_gain: int | None = Field(default=None, ge=0, le=8, description="left shift of error sums; default: the rule's")
    learn_epochs: list[Annotated[int, Field(ge=1)]] | None = Field(
        default=None, min_length=2, max_length=2, description="[first, last] epoch, from 1, in which it learns; default: all"
    )
    name: str | None = Field(default=None, description="default: hidden, hidden2, ..., conv1, conv2, ... and output")
    weight_bits: int | None = Field(default=None, ge=2, le=16, description="sign included; default: the chip's")
    levels: list[float] | None = Field(
        default=None, min_length=2, max_length=2, description="[low, high]: weights take only these, and the memory keeps 1 bit of each"
    )
    frac_bits: int | None = Field(
        default=None, ge=0, le=15, description="fraction bits of weights, biases and potentials; default: the chip's"
    )
    initial_bias: float | None = Field(default=None, description="default: 0.1 in hidden layers, 0 in the output layer")
    initial_gain: float = Field(default=1.0, ge=0.0, le=256.0, description="initial weights have std initial_gain * sqrt(2 / fan-in)")

    @property
    def can_learn(self) -> bool:
        """True if the layer has weights, and neurons that fire, so that a rule can learn in it."""
        return self.kind != "pool" and self.neuron.model != "accumulate"

    @model_validator(mode="after")
    def _keys_of_its_kind(self) -> Self:
        wanted = {"dense": ("neurons",), "conv": ("filters", "kernel"), "pool": ()}[self.kind]
        foreign = {
            "dense": ("filters", "kernel", "stride", "padding", "pool", "skip_identity"),
            "conv": ("neurons", *RECURRENT),
            "pool": (
                *("neurons", "filters", "kernel", "stride", "padding", "skip", "skip_identity"),
                *("rule", "error_gain", "learn_epochs", "levels", "initial_bias", "initial_gain", *RECURRENT),
            ),
        }[self.kind]
        for key in wanted:
            if getattr(self, key) is None:
                raise ValueError(f"{key}: missing; a layer of kind = '{self.kind}' needs it")
        for key in foreign:
            if key in given_keys(self):
                raise ValueError(f"{key}: a layer of kind = '{self.kind}' has no such key; leave it out")
        if self.recurrent_gain != 1.0 and not self.recurrent:
            raise ValueError(f"recurrent_gain = {self.recurrent_gain:g}: of a layer with recurrent = true alone; leave it out")
        if self.learn_epochs and self.learn_epochs[0] > self.learn_epochs[1]:
            raise ValueError(f"learn_epochs = {self.learn_epochs}: the first epoch comes after the last; exchange them")
        if self.kind == "pool":
            if not self.neuron.has_threshold:
                raise ValueError(
                    f"neuron.model = '{self.neuron.model}': a layer of kind = 'pool' has neurons with a memory; choose 'if' or 'lif'"
                )
        elif self.pool > 1 and self.neuron.model != "stochastic":
            raise ValueError(
                f"pool = {self.pool}: a neuron of model = '{self.neuron.model}' has a memory and is updated in every tick; use pool = 1 "
                "and a layer of kind = 'pool' behind it"
            )
        return self


class NetworkModel(BaseModel):
    """[network]: layers from the input on; the last one is the winner-take-all output, one neuron per class."""

    model_config = STRICT

    preset: str | None = Field(default=None, description="take the layers of this shipped network, or of a path to your own .toml")
    layers: list[LayerModel] = Field(min_length=1)
    neuron: NeuronModel | None = Field(default=None, description="of hidden dense and conv layers without a `neuron` of their own")
    pool_neuron: NeuronModel | None = Field(default=None, description="of layers of kind = 'pool' without one")
    output_neuron: NeuronModel | None = Field(default=None, description="of the output layer, if it has none")
    error_streams: Literal["signed", "split"] = Field(
        default="signed", description="an axon's error sum: one with a sign, or positive and negative terms apart, each with its own draw"
    )
    feedback: Literal["transposed", "random", "direct"] = Field(
        default="transposed",
        description="errors go back through the weights or fixed random signs, or hidden layers are told the class",
    )
    feedback_scale: float | None = Field(
        default=None,
        gt=0.0,
        le=16.0,
        description="random: size of its weights, to the nearest power of two; default: initial weights' spread",
    )
    told_by: Literal["winner", "class"] = Field(
        default="winner", description="direct: told are neurons whose signs of class and winner differ, or all, by the class alone"
    )
    told_one_in: int = Field(default=4, gt=0, le=4096, description="direct: of so many neurons of a core one is told in a tick")
    weights: str | None = Field(
        default=None, description="start from the weights of a run (its run.h5), of a training (trained.h5) or of a NIR graph (.nir)"
    )
    requantise: bool = Field(
        default=False, description="`weights` of a run in other bit widths are rounded to those of the layers, and the loss is told"
    )
    dt: float | None = Field(default=None, gt=0.0, description="of a NIR graph: seconds of a tick; default: as its neurons tell")
    integration: Literal["euler", "exact"] = Field(
        default="euler", description="of a NIR graph: a tick of its neurons is Euler's step, or the exact one of a constant current"
    )

    @model_validator(mode="before")
    @classmethod
    def _default_neurons(cls, data: Any) -> Any:
        """Give layers without a `neuron` that of their kind."""
        if not isinstance(data, dict) or not isinstance(data.get("layers"), list):
            return data
        filled, last = [], len(data["layers"]) - 1
        for i, layer in enumerate(data["layers"]):
            kind = layer.get("kind") if isinstance(layer, dict) else None
            default = data.get("output_neuron" if i == last else "pool_neuron" if kind == "pool" else "neuron")
            has_default = isinstance(layer, dict) and "neuron" not in layer and default is not None
            filled.append({**layer, "neuron": default} if has_default else layer)
        return {**data, "layers": filled}

    @model_validator(mode="after")
    def _errors_find_back(self) -> Self:
        if self.feedback == "direct" and self.error_streams == "split":
            raise ValueError("error_streams = 'split': feedback = 'direct' has no error sums to split; use 'signed'")
        for key, feedback in (("feedback_scale", "random"), ("told_by", "direct"), ("told_one_in", "direct")):
            if self.feedback != feedback and key in given_keys(self):
                raise ValueError(f"{key}: of feedback = '{feedback}' alone, this is '{self.feedback}'; leave it out")
        return self

    @model_validator(mode="after")
    def _accumulates_at_the_end(self) -> Self:
        last = len(self.layers) - 1
        for i, layer in enumerate(self.layers):
            if i < last and layer.neuron.model == "accumulate":
                raise ValueError(f"layers[{i}].neuron.model = 'accumulate': only the output layer never fires; choose another model")
            if i == last and layer.recurrent:
                raise ValueError(f"layers[{i}].recurrent: the output layer's winner does not come back to it; leave it out")
            if i == last and layer.neuron.model not in ("stochastic", "accumulate"):
                raise ValueError(
                    f"layers[{i}].neuron.model = '{layer.neuron.model}': the output wins by winner-take-all ('stochastic') or adds up "
                    "('accumulate'); choose one of them"
                )
        return self


class PartModel(BaseModel):
    """[mapping.NAME]: how the layer of that name is cut over cores; what is left out is chosen."""

    model_config = STRICT

    cores: int | None = Field(default=None, gt=0, description="parts by neurons, or by feature maps of a conv layer")
    rows: int | None = Field(default=None, gt=0, description="conv: tiles from north to south")
    columns: int | None = Field(default=None, gt=0, description="conv: tiles from west to east")
    at: list[Place] | None = Field(default=None, description="[x, y] on the mesh of each part; default: the next free ones")
