"""The form of summary.json, once: the runner builds a `Summary`, `load_run` checks with it, reports read its attributes.

JSON Schema (`neurochip schema --summary`) and the tables of docs/run_format.md (`python -m neurochip.runfile.documented`) come from it.
A key is added with a default and never renamed within one FORMAT, so that older runs can be read.
"""

from typing import Any

from pydantic import Field

from neurochip.runfile.costs import BothSets, Costs, Count, Flag, Form, Network, Number, OpenForm, Totals

FORMAT = 2  # of summary.json and run.h5; 2: layers in parts (cores/), packets of a mesh


class DataSet(Form):
    """The data set; counts are the samples used."""

    name: str = Field(description="as in the experiment")
    source: str = Field(description="where the files came from")
    n_train: Count = Field(description="training samples")
    n_test: Count = Field(description="test samples")
    is_substitute: Flag = Field(description="another set took the place of the one that was asked for and not found")
    note: str | None = Field(description="what else is to be known of it")


class Accuracy(Form):
    """Shares of right answers, 0..1. The float keys are those of a training off the chip, else `null`."""

    test: Number = Field(description="after the last epoch")
    per_epoch: list[Number] = Field(description="of the test set; empty without training")
    train_per_epoch: list[Number] = Field(description="read from samples while they are learned, so it flatters")
    reference_test: Number | None = Field(description="of the float twin; `null` without `[reference]`")
    reference_per_epoch: list[Number] | None = Field(description="likewise")
    gap: Number | None = Field(description="`reference_test - test`")
    by_tick: list[Number | None] | None = Field(
        None, description="`[t]` is that of the test after t + 1 ticks, `null` before the first read-out tick"
    )
    ticks_to_final: dict[str, Count | None] = Field(
        {}, description="the ticks from which it stays within so many points (`0.5`, `1`) of the last one"
    )
    float_test: Number | None = Field(None, description="of the float spiking net")
    float_test_std: Number | None = Field(None, description="over several seeds of the encoder")
    ann_test: Number | None = Field(None, description="of the ANN that was converted")
    float_loss: Number | None = Field(None, description="`float_test - test`")


class MeshFacts(Form):
    """The network-on-chip."""

    width: Count = Field(description="routers in a row")
    height: Count = Field(description="rows")
    packet_bits: Count = Field(description="of one packet")
    fifo_depth: Count = Field(description="packets that a router's input holds")
    core_stalls: Flag = Field(description="a core stands still while the network refuses its packet")


class ChipFacts(Form):
    """The chip."""

    name: str = Field(description="as in its file")
    clock_mhz: Number = Field(description="of all cores")
    word_bits: Count = Field(description="of the synapse memory")
    n_axons: Count = Field(description="of a core")
    n_neurons: Count = Field(description="of a core")
    transposable: Flag = Field(description="the memory can be read by column")
    rng: str = Field(description="kind of generator")
    sharing: str = Field(description="which units share one")
    n_cores: Count = Field(description="that there are")
    mesh: MeshFacts | None = Field(description="`null`: cores are wired to each other")
    tick_us: Number | None = Field(description="what a tick may last; `null`: as long as it needs")


class TableFacts(Form):
    """The energy table."""

    name: str = Field(description="as in its file")
    node_nm: Number | None = Field(description="feature size")
    vdd_v: Number | None = Field(description="supply")
    source: str = Field(description="where the prices are from")


class Silicon(Form):
    """Area of the cores in use as the chip builds them, and the largest clock, before layout."""

    cores: Count = Field(description="in use")
    logic_um2: Number = Field(description="all of them")
    memory_um2: Number | None = Field(description="`null` if the table's macros have no area")
    clock_mhz: Number = Field(description="of the slowest core in use")
    slowest_core: str = Field(description="what it does")
    left_out: str = Field(description="what is not in these figures")


class LayerFacts(Form):
    """A layer's shape; memory words are those of all its cores."""

    name: str = Field(description="of the layer")
    kind: str = Field(description="`dense`, `conv` or `pool`")
    neuron: str = Field(description="model of its neurons")
    shape: tuple[Count, Count, Count] = Field(description="height, width, channels")
    axons: Count = Field(description="units of all its sources")
    neurons: Count = Field(description="its units")
    weight_bits: Count = Field(description="of a weight, with its sign")
    frac_bits: Count = Field(description="of these behind the point")
    field_bits: Count | None = Field(None, description="that the memory keeps of a weight: `weight_bits`, or 1 with `levels`")
    rows: Count = Field(description="of weights")
    n_weights: Count = Field(description="each copy of a kernel counts")
    memory_words: Count = Field(description="of `chip.word_bits`")
    cores: Count = Field(description="how many")


class Layer(LayerFacts, BothSets[Costs]):
    """A layer, the sum over its cores."""

    weights_at_rail: Count = Field(description="weights that are the lowest or highest there is")
    weights_changed: Count | None = Field(None, description="that are not what they were at the start")
    silent_units: Count | None = Field(None, description="that never fired in the test; `null` of an output that only adds up")
    saturated_units: Count | None = Field(None, description="that fired in more than 95 % of the test's ticks; likewise")
    train: Costs = Field(description="training, of all epochs")
    test: Costs = Field(description="the last evaluation")


class Core(Form, BothSets[Costs]):
    """A core: what it holds, as shares 0..1 of what it has, and what it did."""

    name: str = Field(description="`layer`, or `layer/part`")
    layer: Count = Field(description="index")
    at: tuple[Count, Count] | None = Field(description="x, y on the mesh")
    axons: Count = Field(description="in use")
    neurons: Count = Field(description="in use")
    memory_words: Count = Field(description="in use")
    state_bits: Count = Field(description="of the neurons in use")
    axons_used: Number = Field(description="share")
    neurons_used: Number = Field(description="share")
    memory_used: Number = Field(description="share")
    train: Costs = Field(description="training, of all epochs")
    test: Costs = Field(description="the last evaluation")

    @property
    def place(self) -> tuple[int, int]:
        """Return x and y of a core on a mesh; only of a chip that has one."""
        assert self.at is not None  # load_run has checked it
        return self.at


class TwinConstants(Form):
    """The literature's constants (`neurochip/runner/ann_twin.toml`)."""

    mac_pj: Number = Field(description="one multiply and add")
    ac_pj: Number = Field(description="one add")
    kind: str = Field(description="of price")
    what: str = Field(description="they are of")
    source: str = Field(description="where they are from")


class AnnTwin(Form):
    """The ANN of the same topology, per image, by the literature's constants: a proxy apart from the chip's prices."""

    macs: Count = Field(description="multiply-accumulates: real taps inside the picture")
    macs_per_layer: list[Count] = Field(description="likewise")
    sops: Number = Field(description="those of the chip in layers that have MACs")
    spikes_per_neuron: Number = Field(description="`sops / macs`")
    break_even_spikes_per_neuron: Number = Field(description="at which both spend the same")
    ann_nj: Number = Field(description="of the MACs")
    snn_nj: Number = Field(description="of the SOPs")
    ratio: Number = Field(description="`snn_nj / ann_nj`")
    constants: TwinConstants = Field(description="prices of both")


class QuantisedLayer(Form):
    """A layer of a net from off the chip, on the chip's grid."""

    name: str = Field(description="of the layer")
    scale: Number = Field(description="LSB per unit of weight")
    threshold_lsb: Count | None = Field(description="a unit fires at or above it")
    clipped: Number = Field(description="share of weights beyond the largest")
    rms_lsb: Number = Field(description="error of rounding and clipping, in LSB")
    rms_relative: Number = Field(description="the same over the weights' root mean square")


class Training(OpenForm):
    """A net from off the chip. What `trained.h5` says of itself (its `summary`) is here too, with further keys."""

    method: str = Field(description="what trained it")
    file: str = Field(description="name")
    experiment: str = Field(description="name of the experiment that it was trained for")
    seed: Count | None = Field(description="of that training")
    layers: list[QuantisedLayer] = Field(description="what quantising lost")
    ticks: Count | None = Field(None, description="of input that the float net saw")
    accuracy_by_tick: list[Number | None] | None = Field(None, description="of the float net on the test set")
    accuracy_by_tick_std: list[Number | None] | None = Field(None, description="over the seeds of the encoder")
    encoder_seeds: Count | None = Field(None, description="how many")
    ann_accuracy: Number | None = Field(None, description="of the ANN that was converted")
    spikes_per_image: dict[str, Number] | None = Field(None, description="of the float net, by layer")
    selected_by: str | None = Field(None, description="how the epoch was chosen")
    validation_accuracy: Number | None = Field(None, description="of that epoch")
    epochs: Count | None = Field(None, description="that were trained")
    wall_s: Number | None = Field(None, description="that it took")
    device: str | None = Field(None, description="that it ran on")


class ReadoutFacts(Form):
    """What `[readout]` fitted, and accuracy against training samples (docs/learning_systems.md, STDP)."""

    train_samples: Count = Field(description="with labels")
    l2: Number = Field(description="weight of the penalty")
    lsb_per_unit: Number = Field(description="scale of the weights")
    weights_clipped: Number = Field(description="share")
    rounding: Number = Field(description="error of the potentials by rounding, relative")
    train_accuracy: Number = Field(description="on its own samples")
    float_train_accuracy: Number = Field(description="before rounding")
    samples: list[Count] = Field(description="training samples that the rule had seen")
    test_accuracy: list[Number] = Field(description="of the read-out then")


class ProbeLayer(Form):
    """A layer's weight change."""

    name: str = Field(description="of the layer")
    cosine: list[Number] = Field(description="1 is the direction of the exact gradient")
    bias: list[Number] = Field(description="length along minus the gradient, relative, less 1: 0 is none")


class ProbeFacts(Form):
    """Spike-made weight change against the exact gradient."""

    weights: str = Field(description="at the `initial` or `final` ones")
    ticks: list[Number] = Field(description="per sample")
    samples: Count = Field(description="how many")
    layers: list[ProbeLayer] = Field(description="a value for each number of ticks")


class Simulation(Form):
    """The simulation, not the chip."""

    wall_s: Number = Field(description="of the last process")
    train_wall_s: Number | None = Field(None, description="training, of all processes")
    test_wall_s: Number | None = Field(None, description="evaluations, of all processes")
    samples_per_s: Number = Field(description="of both")
    sops_per_s: Number = Field(description="of both")
    threads: Count | None = Field(None, description="of the evaluation")
    jit_s: Number | None = Field(None, description="to load or compile the kernels")
    peak_memory_mb: Number | None = Field(None, description="of the process")


class Summary(Form):
    """What a run is and what came of it."""

    format: Count = Field(description=f"{FORMAT}; an older run needs the version that made it")
    name: str = Field(description="of the experiment")
    seed: Count = Field(description="of the run")
    version: str = Field(description="of neurochip")
    experiment_sha256: str = Field(description="of the resolved experiment, chip and energy table")
    experiment: dict[str, Any] = Field(description="the resolved experiment (every default filled in)")
    dataset: DataSet
    accuracy: Accuracy
    chip: ChipFacts
    energy_table: TableFacts
    silicon: Silicon | None = Field(None, description="only with a table that was calibrated on a netlist")
    layers: list[Layer] = Field(description="from the input on")
    cores: list[Core] = Field(description="in the order of the layers")
    totals: Totals
    depth: Count = Field(
        1, description="layers on the longest way from the input to the output; an answer lags behind the input by one tick less"
    )
    ann_twin: AnnTwin | None = None
    training: Training | None = Field(None, description="only of a net from off the chip")
    readout: ReadoutFacts | None = Field(None, description="only with `[readout]`")
    network: Network | None = Field(description="only with a mesh")
    probe: ProbeFacts | None = Field(description="only with `[reference]`")
    simulation: Simulation
    warnings: list[str] = Field(description="what a reader must know (a substitute data set, rails hit, ...)")

    @property
    def mesh(self) -> MeshFacts:
        """Return the chip's mesh; only of a chip that has one."""
        assert self.chip.mesh is not None
        return self.chip.mesh
