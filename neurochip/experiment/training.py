"""[train] and [readout] of an experiment: how weights come about off the chip. docs/learning_systems.md is the contract."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator

from neurochip.common.toml import STRICT

Share = Annotated[float, Field(ge=0.0, lt=1.0)]


class DescentModel(BaseModel):
    """What every training by gradient descent has; those below say what differs."""

    model_config = STRICT

    epochs: int = Field(ge=0)
    batch: int = Field(default=64, gt=0, description="images per update")
    optimizer: Literal["sgd", "adam"] = "sgd"
    learn_rate: float = Field(gt=0.0)
    learn_rate_drops: list[Annotated[int, Field(gt=0)]] = Field(default=[], description="epochs, from 1, before which the rate is cut")
    learn_rate_factor: float = Field(default=0.2, gt=0.0, le=1.0, description="by this")
    learn_rate_schedule: Literal["drops", "cosine"] = Field(default="drops", description="cosine: half a wave, down to 0 at the end")
    warmup_updates: int = Field(default=0, ge=0, description="first updates, over which the rate rises evenly to its schedule")
    momentum: Share = 0.0
    weight_decay: float = Field(default=5e-4, ge=0.0)
    dropout: Share = 0.0
    augment: Literal["none", "flip", "crop_flip"] = Field(
        default="none", description="images mirrored at random, or padded by 4, cut at a random place and mirrored"
    )

    @model_validator(mode="after")
    def _has_one_schedule(self) -> Self:
        if self.learn_rate_schedule == "cosine" and self.learn_rate_drops:
            raise ValueError("learn_rate_schedule = 'cosine' has no learn_rate_drops; leave one of them out")
        return self


class SpikeBpModel(DescentModel):
    """[train.spike_bp]: spike-based backprop with (leaky) integrate-and-fire neurons, Lee et al. 2020."""

    batch: int = Field(default=64, gt=0, description="images per update; the loss is their sum, so the step grows with it")
    dropout: Share = Field(default=0.0, description="of hidden units that learn; one mask per batch, held over all ticks")
    clip_norm: float | None = Field(
        default=None, gt=0.0, description="longest gradient, of all weights together; a longer one is scaled to it"
    )
    init_gain: float = Field(default=2.0, gt=0.0, description="initial weights have std sqrt(init_gain / fan-in)")
    initial_rate: float | None = Field(
        default=None, gt=0.0, lt=1.0, description="spikes per tick of hidden neurons to which initial weights are scaled, layer by layer"
    )
    initial_output: float = Field(
        default=0.1, gt=0.0, description="with initial_rate: standard deviation of the output at first; targets are 0 and 1"
    )
    keep_balance: bool = Field(
        default=False,
        description="after every update weights of hidden neurons return to a mean current of 0, and to lengths that hold initial_rate",
    )
    leak_correction: bool = Field(default=True, description="the pseudo-derivative knows of the leak")
    gate_saturated: bool = Field(default=False, description="units that fired in every tick hand no gradient back")
    loss: Literal["square", "cross_entropy"] = Field(
        default="square", description="of the output's potential / ticks; square: as published"
    )
    label_smoothing: Share = Field(default=0.0, description="cross_entropy: share of the label that is spread over all classes")
    norm: Literal["none", "rms"] = Field(
        default="none", description="rms: currents are divided by their root mean square per channel, weights centred; folded into weights"
    )
    norm_gain: float = Field(default=0.5, gt=0.0, description="rms: factor on normed currents at first, per channel; it is learned")
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="rms: of products in the training; bfloat16 is quick where the processor multiplies it"
    )
    engine: Literal["events", "dense"] = Field(
        default="events",
        description="norm = 'none', on the CPU: spike by spike, or torch's products of all ticks; the same sums in another order",
    )

    @model_validator(mode="after")
    def _has_a_rate_to_keep(self) -> Self:
        if self.keep_balance and self.initial_rate is None:
            raise ValueError("keep_balance = true: holds the rate that initial_rate names; add initial_rate, for example 0.1")
        return self

    @model_validator(mode="after")
    def _norms_once(self) -> Self:
        if self.norm == "rms":
            for key in ("initial_rate", "keep_balance", "dropout"):
                if getattr(self, key):
                    raise ValueError(f"{key}: is not for norm = 'rms', which keeps currents as they should be; leave one of them out")
        for key in ("norm_gain", "precision"):
            if self.norm == "none" and key in self.model_fields_set and getattr(self, key) != type(self).model_fields[key].default:
                raise ValueError(f"{key}: is for norm = 'rms' alone; set that, or leave {key} out")
        if self.label_smoothing and self.loss == "square":
            raise ValueError("label_smoothing: is for loss = 'cross_entropy' alone; set that, or leave label_smoothing out")
        return self


class ConversionModel(DescentModel):
    """[train.conversion]: an ANN of the same topology, its thresholds balanced on the spiking net (Sengupta et al. 2019)."""

    ann: str | None = Field(
        default=None, description="take the ANN from this file (.nir, or a PyTorch state dict .pt) instead of training it"
    )
    epochs: int = Field(default=10, ge=0, description="of the ANN's training")
    learn_rate: float = Field(default=0.05, gt=0.0)
    momentum: Share = 0.9
    dropout: Share = 0.2
    batch_norm: bool = Field(
        default=False, description="of the ANN that is trained here, before every ReLU; folded into weights and biases when it is converted"
    )
    batch_norm_shift: bool = Field(
        default=True, description="false: batch_norm divides by the root mean square alone, weights are centred; it leaves no biases"
    )
    rate_ticks: int = Field(
        default=0, ge=0, le=4096,
        description="activations are rates of spikes in so many ticks, inputs as noisy: thresholds are the experiment's; 0: ReLU, balanced",
    )  # fmt: skip
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="of the ANN's products in its training; bfloat16 is quick where the processor multiplies it"
    )
    balance_ticks: int = Field(default=100, gt=0, description="ticks of each run that looks for a layer's largest current")
    balance_images: int = Field(default=512, gt=0, description="training images of that run")
    percentile: float = Field(default=100.0, gt=0.0, le=100.0, description="of the currents; 100 is their maximum, as published")
    threshold_scale: float = Field(default=1.0, gt=0.0, description="factor on the balanced thresholds")

    @model_validator(mode="after")
    def _trains_what_it_norms(self) -> Self:
        for key in ("batch_norm", "precision", "rate_ticks"):
            if self.ann is not None and key in self.model_fields_set and getattr(self, key) != type(self).model_fields[key].default:
                raise ValueError(f"{key}: is of an ANN that is trained here, ann = '{self.ann}' is read from a file; leave one of them out")
        if not self.batch_norm_shift and not (self.batch_norm and self.rate_ticks):
            raise ValueError("batch_norm_shift = false: is for batch_norm = true with rate_ticks; set these, or leave it out")
        for key in ("percentile", "threshold_scale"):
            if self.rate_ticks and getattr(self, key) != type(self).model_fields[key].default:
                raise ValueError(f"{key}: is of thresholds that are balanced, of rate_ticks they are the experiment's; leave one out")
        return self


class TrainModel(BaseModel):
    """[train]: weights come from off the chip."""

    model_config = STRICT

    ticks: int = Field(gt=0, le=65536, description="ticks of input per image, in training and evaluation of the float spiking net")
    validation_fraction: Share = Field(
        default=0.1, description="of the training images, drawn by the seed, held out to choose the checkpoint"
    )
    encoder_seeds: int = Field(default=3, gt=0, description="evaluations of the test set, each with spikes drawn anew")
    device: Literal["auto", "cpu", "cuda"] = "auto"
    spike_bp: SpikeBpModel | None = None
    conversion: ConversionModel | None = None

    @property
    def is_normed(self) -> bool:
        """True if the spiking net's currents are normed while it trains."""
        return self.spike_bp is not None and self.spike_bp.norm == "rms"

    @model_validator(mode="after")
    def _has_a_method(self) -> Self:
        if self.conversion is not None and self.is_normed:
            raise ValueError("[train.spike_bp] norm = 'rms': is for random weights, [train.conversion] brings others; leave one out")
        if self.spike_bp is None and self.conversion is None:
            raise ValueError("no method; add [train.spike_bp], [train.conversion] or both")
        if self.spike_bp is not None and self.conversion is not None:
            for key in ("initial_rate", "keep_balance"):
                if getattr(self.spike_bp, key):
                    raise ValueError(f"[train.spike_bp] {key}: is for random weights, [train.conversion] brings others; leave one out")
        return self


class ReadoutModel(BaseModel):
    """[readout]: the output layer is fitted on the host to spike counts of the last hidden layer, then put on the chip."""

    model_config = STRICT

    train_samples: int | None = Field(default=None, gt=0, description="first training samples whose counts it is fitted to; default: all")
    l2: float = Field(default=1e-3, ge=0.0, description="penalty on its weights, of standardised counts")
    at_samples: list[Annotated[int, Field(ge=0)]] = Field(
        default=[], description="also fit and test it after so many training samples of the rule, counted over epochs; 0: before any"
    )
