"""The form of summary.json, once: the runner builds a `Summary`, `load_run` checks with it, reports read its attributes.

JSON Schema (`neurochip schema --summary`) and the tables of docs/run_format.md (`python -m neurochip.runfile.documented`) come from it.
A key is added with a default and never renamed within one FORMAT, so that older runs can be read.
"""

from typing import Any

from pydantic import Field

from neurochip.runfile.costs import BothSets, Costs, Count, Flag, Form, Network, Number, OpenForm, Totals
from neurochip.runfile.exits import EarlyExit
from neurochip.runfile.lifelong import Lifelong
from neurochip.runfile.neurobench import NeuroBench
from neurochip.runfile.sizes import CoreUse, Silicon, Sizes

FORMAT = 2  # of summary.json and run.h5; 2: layers in parts (cores/), packets of a mesh


class DataSet(Form):
    """The data set; counts are the samples used."""

    name: str = Field(description="name in the experiment")
    source: str = Field(description="where the files came from")
    n_train: Count = Field(description="training samples used")
    n_test: Count = Field(description="test samples used")
    is_substitute: Flag = Field(description="`true`: the set that was asked for was not found, and another one took its place")
    note: str | None = Field(description="a remark on the set")


class Accuracy(Form):
    """Shares of right answers, 0..1. The float keys are those of a training off the chip, else `null`."""

    test: Number = Field(description="test accuracy at the end")
    per_epoch: list[Number] = Field(description="test accuracy after each epoch; empty without training")
    train_per_epoch: list[Number] = Field(description="accuracy on training samples, read while they are learned, so it flatters")
    reference_test: Number | None = Field(description="test accuracy of the float twin at the end; `null` without `[reference]`")
    reference_per_epoch: list[Number] | None = Field(description="the same after each epoch")
    gap: Number | None = Field(description="`reference_test - test`")
    by_tick: list[Number | None] | None = Field(
        None, description="`[t]` is that of the test after t + 1 ticks, `null` before the first read-out tick"
    )
    ticks_to_final: dict[str, Count | None] = Field(
        {}, description="the ticks from which it stays within so many points (`0.5`, `1`) of the last one"
    )
    float_test: Number | None = Field(None, description="test accuracy of the float spiking net")
    float_test_std: Number | None = Field(None, description="its standard deviation over the seeds of the encoder")
    ann_test: Number | None = Field(None, description="test accuracy of the ANN")
    float_loss: Number | None = Field(None, description="`float_test - test`")


class MeshFacts(Form):
    """The chip's mesh, one router per core."""

    width: Count = Field(description="routers in a row")
    height: Count = Field(description="rows of routers")
    packet_bits: Count = Field(description="bits of a packet")
    fifo_depth: Count = Field(description="packets that a router's input holds")
    core_stalls: Flag = Field(description="`true`: a core stands still while the network refuses its packet")


class ChipFacts(Form):
    """The chip that ran it."""

    name: str = Field(description="name in the chip file")
    clock_mhz: Number = Field(description="clock of all cores")
    word_bits: Count = Field(description="bits of a word of the synapse memory")
    n_axons: Count = Field(description="axons of a core")
    n_neurons: Count = Field(description="neurons of a core")
    transposable: Flag = Field(description="`true`: the synapse memory can be read by column")
    port: str | None = Field(default=None, description="how: `transposable`, `skewed`, or `plain`: one row after another")
    lanes: int | str | None = Field(default=None, description="weights added per cycle; `null`: those of a word")
    rng: str = Field(description="kind of random generator")
    sharing: str = Field(description="units that share a generator")
    n_cores: Count = Field(description="cores of the chip")
    mesh: MeshFacts | None = Field(description="the network-on-chip; `null` without one")
    tick_us: Number | None = Field(description="longest time of a tick; `null`: as long as it needs")


class TableFacts(Form):
    """The energy table that priced it."""

    name: str = Field(description="name in the table")
    node_nm: Number | None = Field(description="feature size")
    vdd_v: Number | None = Field(description="supply voltage")
    source: str = Field(description="where the prices come from")


class LayerFacts(Form):
    """A layer's shape; memory words are those of all its cores."""

    name: str = Field(description="name of the layer")
    kind: str = Field(description="`dense`, `conv` or `pool`")
    neuron: str = Field(description="model of the layer's neurons")
    shape: tuple[Count, Count, Count] = Field(description="height, width, channels")
    axons: Count = Field(description="units of all its sources")
    neurons: Count = Field(description="units of the layer")
    weight_bits: Count = Field(description="bits of a weight, with its sign")
    frac_bits: Count = Field(description="of these, bits right of the binary point")
    field_bits: Count | None = Field(None, description="bits that the memory keeps of a weight: `weight_bits`, or 1 with `levels`")
    rows: Count = Field(description="rows of weights")
    n_weights: Count = Field(description="weights, each copy of a kernel counted")
    memory_words: Count = Field(description="words of `chip.word_bits` in use")
    cores: Count = Field(description="cores that hold the layer")


class Layer(LayerFacts, BothSets[Costs]):
    """A layer, the sum over its cores."""

    weights_at_rail: Count = Field(description="weights that are the lowest or highest there is, at the end")
    weights_changed: Count | None = Field(None, description="weights that are not what they were at the start")
    silent_units: Count | None = Field(None, description="units that never fired in the test; `null` of an output that only adds up")
    saturated_units: Count | None = Field(None, description="units that fired in more than 95 % of the test's ticks; `null` likewise")
    train: Costs = Field(description="training, of all epochs")
    test: Costs = Field(description="the last evaluation")


class Core(Form, BothSets[Costs]):
    """A core: what it holds, as shares 0..1 of what it has, and what it did."""

    name: str = Field(description="`layer`, or `layer/part`")
    layer: Count = Field(description="number of the layer, from 0")
    at: tuple[Count, Count] | None = Field(description="x and y on the mesh")
    axons: Count = Field(description="axons in use")
    neurons: Count = Field(description="neurons in use")
    memory_words: Count = Field(description="words in use")
    state_bits: Count = Field(description="bits of state of the neurons in use")
    axons_used: Number = Field(description="share of the axons in use")
    neurons_used: Number = Field(description="share of the neurons in use")
    memory_used: Number = Field(description="share of the memory in use")
    use: CoreUse | None = Field(None, description="how full its memory port and lanes were")
    train: Costs = Field(description="training, of all epochs")
    test: Costs = Field(description="the last evaluation")

    @property
    def place(self) -> tuple[int, int]:
        """Return x and y of a core on a mesh; only of a chip that has one."""
        assert self.at is not None  # load_run has checked it
        return self.at


class TwinConstants(Form):
    """The literature's constants (`neurochip/runner/ann_twin.toml`)."""

    mac_pj: Number = Field(description="price of a multiplication and addition")
    ac_pj: Number = Field(description="price of an addition")
    kind: str = Field(description="kind of price")
    what: str = Field(description="technology and numbers that the prices are for")
    source: str = Field(description="where they come from")


class AnnTwin(Form):
    """The ANN of the same topology, per image, by the literature's constants: a proxy apart from the chip's prices."""

    macs: Count = Field(description="multiply-accumulates: real taps inside the picture")
    macs_per_layer: list[Count] = Field(description="the same by layer")
    sops: Number = Field(description="the chip's synaptic operations in layers that have MACs")
    spikes_per_neuron: Number = Field(description="`sops / macs`")
    break_even_spikes_per_neuron: Number = Field(description="`spikes_per_neuron` at which both nets spend the same")
    ann_nj: Number = Field(description="energy of the MACs")
    snn_nj: Number = Field(description="energy of the synaptic operations")
    ratio: Number = Field(description="`snn_nj / ann_nj`")
    ann_word_reads: Count | None = Field(None, description="words of weights that the ANN reads: one weight per MAC, packed as on the chip")
    snn_word_reads: Number | None = Field(None, description="words that the chip read by row")
    ann_memory_nj: Number | None = Field(None, description="energy of the ANN's reads by the run's energy table")
    snn_memory_nj: Number | None = Field(None, description="energy of the chip's reads likewise")
    ratio_with_memory: Number | None = Field(None, description="`(snn_nj + snn_memory_nj) / (ann_nj + ann_memory_nj)`")
    constants: TwinConstants = Field(description="prices of both")


class QuantisedLayer(Form):
    """A layer of a net from off the chip, on the chip's grid."""

    name: str = Field(description="name of the layer")
    scale: Number = Field(description="LSB per unit of weight")
    threshold_lsb: Count | None = Field(description="a unit fires at or above it; `null` of a layer that does not fire")
    clipped: Number = Field(description="share of the weights beyond the largest that is held")
    rms_lsb: Number = Field(description="root-mean-square error of rounding and clipping, in LSB")
    rms_relative: Number = Field(description="the same over the weights' root mean square")


class Training(OpenForm):
    """A net from off the chip. What `trained.h5` says of itself (its `summary`) is here too, with further keys."""

    method: str = Field(description="`spike_bp`, `conversion` or another")
    file: str = Field(description="name of the net's file")
    experiment: str = Field(description="name of the experiment that it was trained for")
    seed: Count | None = Field(description="seed of that training")
    layers: list[QuantisedLayer] = Field(description="what quantising lost")
    ticks: Count | None = Field(None, description="ticks of input that the float net saw")
    accuracy_by_tick: list[Number | None] | None = Field(None, description="test accuracy of the float net after each of them")
    accuracy_by_tick_std: list[Number | None] | None = Field(None, description="its standard deviation over the seeds of the encoder")
    encoder_seeds: Count | None = Field(None, description="number of these seeds")
    ann_accuracy: Number | None = Field(None, description="test accuracy of the ANN")
    spikes_per_image: dict[str, Number] | None = Field(None, description="spikes of the float net by layer")
    selected_by: str | None = Field(None, description="how the epoch was chosen")
    validation_accuracy: Number | None = Field(None, description="accuracy on held-out samples in that epoch")
    epochs: Count | None = Field(None, description="epochs of the training")
    wall_s: Number | None = Field(None, description="time of the training")
    device: str | None = Field(None, description="what it ran on")


class ReadoutFacts(Form):
    """What `[readout]` fitted, and accuracy against training samples (docs/learning_systems.md, STDP)."""

    train_samples: Count = Field(description="labelled samples that it was fitted to")
    l2: Number = Field(description="weight of the penalty on large weights")
    lsb_per_unit: Number = Field(description="scale of its weights")
    weights_clipped: Number = Field(description="share of its weights that were clipped")
    rounding: Number = Field(description="root-mean-square error of the sums by rounding, relative to their spread")
    train_accuracy: Number = Field(description="accuracy on the labelled samples")
    float_train_accuracy: Number = Field(description="the same before rounding")
    samples: list[Count] = Field(description="training samples that the rule had seen when a read-out was fitted")
    test_accuracy: list[Number] = Field(description="test accuracy of the read-out then")


class ProbeLayer(Form):
    """A layer's weight change."""

    name: str = Field(description="name of the layer")
    cosine: list[Number] = Field(description="cosine of the angle to the exact gradient, for each number of ticks")
    bias: list[Number] = Field(description="length along minus the gradient, relative, less 1, likewise: 0 is none")


class ProbeFacts(Form):
    """Spike-made weight change against the exact gradient."""

    weights: str = Field(description="weights at which it was measured: `initial` or `final`")
    ticks: list[Number] = Field(description="numbers of ticks per sample")
    samples: Count = Field(description="samples that were averaged")
    layers: list[ProbeLayer] = Field(description="from the input on")


class FaultLayer(Form):
    """What was broken in a layer, the sum over its cores."""

    name: str = Field(description="name of the layer")
    weight_bits: Count = Field(description="bits of weights in its memories")
    stuck_bits: Count = Field(description="of them, bits that are stuck")
    dead_cells: Count = Field(description="weights that read 0")
    dead_rows: Count = Field(description="rows that read 0")
    dead_columns: Count = Field(description="neurons whose weights read 0")
    dead_neurons: Count = Field(description="neurons that never spike")
    generator_bits: Count = Field(description="bits that are stuck of the words that units get of generators")
    generator_stuck: Count = Field(description="units that get the same word in every tick")
    generator_shared: Count = Field(description="units that get the words of another unit's generator")
    flipped: Count = Field(description="bits that flipped in training")
    lost: Count = Field(description="bits that were lost in training")


class FaultFacts(Form):
    """Faults of the chip (docs/howto/faults.md)."""

    seed: Count = Field(description="seed of the list")
    from_epoch: str = Field(description="epoch, from 1, at whose start the chip broke, or `after` the last")
    flip_rate: Number = Field(description="flips per bit that is read or written")
    loss_rate: Number = Field(description="share of the bits that are lost from sample to sample")
    layers: list[FaultLayer] = Field(description="from the input on")


class Simulation(Form):
    """The simulation, not the chip."""

    wall_s: Number = Field(description="time of the last process")
    train_wall_s: Number | None = Field(None, description="time of all training")
    test_wall_s: Number | None = Field(None, description="time of all evaluations")
    samples_per_s: Number = Field(description="samples presented in a second of both")
    sops_per_s: Number = Field(description="synaptic operations in a second of both")
    threads: Count | None = Field(None, description="threads of the evaluation")
    jit_s: Number | None = Field(None, description="time to load or compile the kernels")
    peak_memory_mb: Number | None = Field(None, description="largest memory of the last process")


class Summary(Form):
    """What a run is and what came of it."""

    format: Count = Field(description=f"{FORMAT}; an older run needs the version that made it")
    name: str = Field(description="name of the experiment")
    seed: Count = Field(description="seed of the run")
    version: str = Field(description="version of neurochip that made it")
    experiment_sha256: str = Field(description="hash of the resolved experiment, chip and energy table, and the sources of plugins")
    experiment: dict[str, Any] = Field(description="the resolved experiment: every default is filled in")
    dataset: DataSet = Field(description="the samples")
    accuracy: Accuracy = Field(description="shares of right answers")
    chip: ChipFacts = Field(description="the chip")
    energy_table: TableFacts = Field(description="where the prices are from")
    silicon: Silicon | None = Field(None, description="only with a table that was calibrated on a netlist")
    sizes: Sizes | None = Field(None, description="the chip as built and at the size in use")
    layers: list[Layer] = Field(description="from the input on")
    cores: list[Core] = Field(description="in the order of the layers")
    totals: Totals = Field(description="the whole chip")
    depth: Count = Field(
        1, description="layers on the longest way from the input to the output; an answer lags behind the input by one tick less"
    )
    ann_twin: AnnTwin | None = Field(None, description="the ANN of the same topology")
    neurobench: NeuroBench | None = Field(None, description="the metrics of NeuroBench, over the test")
    training: Training | None = Field(None, description="only of a net from off the chip")
    readout: ReadoutFacts | None = Field(None, description="only with `[readout]`")
    lifelong: Lifelong | None = Field(None, description="tasks that were learned one after another")
    early_exit: EarlyExit | None = Field(None, description="ticks of the test samples, and what fewer would do")
    faults: FaultFacts | None = Field(None, description="only with `[faults]`")
    network: Network | None = Field(description="only with a mesh")
    probe: ProbeFacts | None = Field(description="only with `[reference]`")
    simulation: Simulation = Field(description="times on this computer")
    warnings: list[str] = Field(description="what a reader must know (a substitute data set, rails hit, ...)")

    @property
    def mesh(self) -> MeshFacts:
        """Return the chip's mesh; only of a chip that has one."""
        assert self.chip.mesh is not None
        return self.chip.mesh
