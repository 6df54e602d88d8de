"""The tables of an experiment file beside its network (`layers`) and its training off the chip (`training`)."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from neurochip.common.toml import STRICT

OPEN = ConfigDict(**STRICT | {"extra": "allow"})  # further keys are checked against the rule or the chip


class DataModel(BaseModel):
    """[data]: the data set, which of its samples, and how they become spikes."""

    model_config = STRICT

    name: str = Field(description="a set that `neurochip data list` knows, of images or of events; your own with `path`")
    path: str | None = Field(default=None, description="folder of idx files or npz file; for mnist, a folder to look in first")
    train_samples: int | None = Field(default=None, gt=0, description="use the first so many training images; default: all")
    test_samples: int | None = Field(default=None, gt=0, description="use the first so many test images; default: all")
    us_per_tick: int | None = Field(default=None, gt=0, description="of event recordings, which need it: microseconds that make one tick")
    max_rate: float = Field(default=1.0, gt=0.0, le=1.0, description="of images: factor on the probability of a spike per tick")
    intensity_planes: int = Field(
        default=1, ge=1, le=16, description="of images: so many axons per pixel, each with its own part of the range of intensities"
    )
    signed: bool = Field(
        default=False, description="of images: (pixel / 255 - mean) / std as planes of positive and of negative intensities"
    )
    mean: list[float] = Field(default=[], description="signed: per plane")
    std: list[Annotated[float, Field(gt=0.0)]] = Field(default=[], description="signed: per plane")
    holdout_fraction: float | None = Field(
        default=None, gt=0.0, lt=1.0, description="hold out this share of each class's training samples, drawn by the seed, to test on"
    )
    holdout_test_on: Literal["holdout", "both"] = Field(
        default="holdout", description="test on what is held out alone, or on the set's own test part too"
    )


class ExitModel(BaseModel):
    """[run] exit: a sample ends early, as soon as one read-out register is far enough ahead of all others."""

    model_config = STRICT

    margin: float = Field(
        gt=0.0, description="by which the largest read-out register must lead the second largest: in potentials of one, or wins (readout)"
    )
    min_ticks: int | None = Field(
        default=None, gt=0, le=65536, description="no sample ends before so many ticks; default: the layers, and one read-out tick"
    )
    train: bool = Field(default=False, description="training samples end early too; else only tests do")


class RewardModel(BaseModel):
    """[run] reward: the answer of a training sample is judged, and some ticks later +1 or -1 is broadcast to all cores that learn."""

    model_config = STRICT

    tick: int = Field(ge=0, le=65536, description="tick after which the answer is judged: the largest read-out register")
    delay: int = Field(gt=0, le=65536, description="ticks from there to the reward: +1 if it was the label, else -1")


class RunModel(BaseModel):
    """[run]: epochs, ticks, the read-out and checkpoints."""

    model_config = STRICT

    epochs: int = Field(ge=0)
    ticks: int = Field(gt=0, le=65536, description="ticks per training sample")
    test_ticks: int | None = Field(default=None, gt=0, le=65536, description="ticks per test sample; default: ticks")
    input_ticks: int | None = Field(
        default=None, gt=0, le=65536, description="of a sample, in which an image is shown; then the encoder is silent. Default: all"
    )
    warmup_ticks: int | None = Field(default=None, ge=0, description="ticks before learning starts; default: 2 per layer")
    read_from_tick: int | None = Field(default=None, ge=0, description="first tick of the read-out; default: warmup_ticks")
    readout: Literal["potential", "spikes"] = Field(
        default="potential", description="sum the output potentials, or count the winner's spikes"
    )
    exit: ExitModel | None = Field(default=None, description="samples end early; default: all have all ticks")
    reward: RewardModel | None = Field(default=None, description="a third factor, for rules that learn from one")
    checkpoint_s: float = Field(default=20.0, gt=0.0, description="seconds of training between checkpoints")


class EnergyModel(BaseModel):
    """[energy]: the price list."""

    model_config = STRICT

    table: str = Field(description="name of a shipped table or path of your own .toml")


class RecordModel(BaseModel):
    """[record]: what goes into run.h5 beside counters and weights."""

    model_config = STRICT

    raster_sample: int = Field(default=0, ge=0, description="training sample whose spikes are recorded with the final weights")
    samples: list[Annotated[int, Field(ge=0)]] = Field(
        default=[], description="samples recorded tick by tick: positions in the epoch's order, from 0 (epoch 'final': in the data)"
    )
    epoch: Annotated[int, Field(ge=1)] | Literal["final"] = Field(
        default=1, description="epoch of these samples, from 1; 'final': they are shown to the trained chip, which learns nothing from them"
    )
    layers: list[str] = Field(default=[], description="names of the layers recorded; default: all")
    ticks: list[Annotated[int, Field(ge=0)]] | None = Field(
        default=None, min_length=2, max_length=2, description="[first, last] tick recorded; default: all"
    )
    what: list[Literal["spikes", "errors", "potentials", "weights", "packets"]] = Field(
        default=["spikes", "errors", "potentials", "weights", "packets"], min_length=1, description="what is recorded; cycles always are"
    )


class ReferenceModel(BaseModel):
    """[reference]: the float twin (same shape, initial weights, order, epochs; exact backprop) and the gradient probe."""

    model_config = STRICT

    enabled: bool = False
    learn_rate: float | None = Field(
        default=None, gt=0.0, description="of the first epoch, per sample; default: the rule's times its learning ticks"
    )
    probe_weights: Literal["initial", "final"] = Field(default="initial", description="weights at which the gradients are compared")
    probe_samples: int = Field(default=32, ge=1, description="samples of the batch on which spike-made and exact gradient are compared")
    probe_ticks: list[Annotated[int, Field(ge=1, le=65536)]] = Field(
        default=[1, 4, 16, 64, 256], min_length=1, description="learning ticks per sample at which they are compared"
    )


class RuleModel(BaseModel):
    """[rule]: the learning rule and its settings, which its own file declares."""

    model_config = OPEN

    name: str
    error_gain: int = Field(default=0, ge=0, le=8, description="left shift of error sums before they are compared with a draw")
    beta: float = Field(default=1.0, gt=0.0, le=64.0, description="gain of the output's winner-take-all, a multiple of 1/16")


class ChipTable(BaseModel):
    """[chip]: a preset, any key of which can be overridden here (for example chip.rng.sharing)."""

    model_config = OPEN

    preset: str = Field(description="name of a shipped chip or path of your own .toml")
