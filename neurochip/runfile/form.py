"""What summary.json holds, as nested keys and types: a dict of keys, a list of one form, or types. Further keys are allowed."""

FORMAT = 2  # of summary.json and run.h5; 2: layers in parts (cores/), packets of a mesh
NUMBER = (int, float)
NUMBER_OR_NONE = (int, float, type(None))
LIST_OR_NONE = (list, type(None))

COUNTS = (
    "samples",
    "ticks",
    "spikes_out",
    "errors_out",
    "errors_gated",
    "spikes_in",
    "sops",
    "synapse_word_reads",
    "synapse_word_writes",
    "column_reads",
    "synapse_bits_read",
    "synapse_bits_written",
    "rng_draws",
    "weight_updates",
    "lost_updates",
    "saturations",
    "busy_cycles",
    "cycles",
)
PHASES = {phase: {"energy_pj": NUMBER} for phase in ("forward", "error", "learn")}
SET = {**dict.fromkeys(COUNTS, int), "latency_us": NUMBER, "energy_pj": dict, "phases": PHASES}
TOTAL = {
    **dict.fromkeys(("samples", "cycles", "sops"), int),
    **dict.fromkeys(("energy_nj_per_sample", "latency_us_per_sample"), NUMBER),
    **dict.fromkeys(("energy_pj", "energy_share_by_kind"), dict),
}
LAYER = {
    **dict.fromkeys(("name", "kind", "neuron"), str),
    "shape": [int],
    **dict.fromkeys(("axons", "neurons", "weight_bits", "frac_bits", "memory_words", "n_weights", "weights_at_rail", "rows", "cores"), int),
    **dict.fromkeys(("train", "test"), SET),
}
NETWORK_SET = {
    **dict.fromkeys(("packets", "hops", "network_cycles", "wait_cycles"), int),
    "latency_cycles": dict.fromkeys(("p50", "p99", "max"), int),
    "busiest_links": [{"link": str, "packets": int, "per_cycle": NUMBER}],
    "fifo_peaks": [{"fifo": str, "packets": int}],
    "waiting_cores": [{"core": str, "cycles": int}],
    "verdict": {
        **dict.fromkeys(("ticks", "longest_tick"), int),
        **dict.fromkeys(("max_tick_rate_hz", "tick_us", "overruns"), NUMBER_OR_NONE),
        "bounds": dict,
    },
    "load": [[int]],
}
NETWORK = {"train": NETWORK_SET, "test": NETWORK_SET}
MESH = {**dict.fromkeys(("width", "height", "packet_bits", "fifo_depth"), int), "core_stalls": bool}
CORE = {
    "name": str,
    "at": LIST_OR_NONE,
    **dict.fromkeys(("layer", "axons", "neurons", "memory_words", "state_bits"), int),
    **dict.fromkeys(("axons_used", "neurons_used", "memory_used"), NUMBER),
    **dict.fromkeys(("train", "test"), SET),
}
SUMMARY = {
    **dict.fromkeys(("name", "version", "experiment_sha256"), str),
    "seed": int,
    "experiment": dict,
    "dataset": {"name": str, "source": str, "n_train": int, "n_test": int, "is_substitute": bool, "note": (str, type(None))},
    "accuracy": {
        **dict.fromkeys(("test", "reference_test", "gap"), NUMBER_OR_NONE),
        **{key: [NUMBER] for key in ("per_epoch", "train_per_epoch")},
        "reference_per_epoch": LIST_OR_NONE,
    },
    "chip": {
        **dict.fromkeys(("name", "rng", "sharing"), str),
        "clock_mhz": NUMBER,
        **dict.fromkeys(("word_bits", "n_axons", "n_neurons", "n_cores"), int),
        "transposable": bool,
        "mesh": (dict, type(None)),
        "tick_us": NUMBER_OR_NONE,
    },
    "energy_table": {"name": str, "node_nm": NUMBER_OR_NONE, "vdd_v": NUMBER_OR_NONE, "source": str},
    "layers": [LAYER],
    "cores": [CORE],
    "network": (dict, type(None)),
    "totals": {"train": TOTAL, "test": TOTAL},
    "probe": (dict, type(None)),
    "simulation": dict.fromkeys(("wall_s", "samples_per_s", "sops_per_s"), NUMBER),
    "warnings": [str],
}
TWIN = {
    **dict.fromkeys(("macs", "sops", "spikes_per_neuron", "break_even_spikes_per_neuron", "ann_nj", "snn_nj", "ratio"), NUMBER),
    "macs_per_layer": [int],
    "constants": {"what": str, "source": str, "kind": str},
}
TRAINING = {
    "method": str,
    "layers": [
        {
            "name": str,
            **dict.fromkeys(("scale", "clipped", "rms_lsb", "rms_relative"), NUMBER),
            "threshold_lsb": (int, type(None)),
        }
    ],
}
BY_TICK = {
    "by_tick": [NUMBER_OR_NONE],
    "ticks_to_final": dict,
    **dict.fromkeys(("float_test", "float_test_std", "ann_test", "float_loss"), NUMBER_OR_NONE),
}
PROBE = {"weights": str, "ticks": [NUMBER], "samples": int, "layers": [{"name": str, "cosine": [NUMBER], "bias": [NUMBER]}]}
