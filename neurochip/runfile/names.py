"""Names of the files in a run directory (docs/run_format.md), and what a file of trained weights calls itself."""

SUMMARY = "summary.json"
RUN_H5 = "run.h5"
REPORT = "report.html"
EXPERIMENT = "experiment.toml"  # with these three the run can be made again
CHIP = "chip.toml"
ENERGY_TABLE = "energy_table.toml"
CHECKPOINT = "checkpoint.npz"  # the machine state of a run that is not complete
EVALUATION = "evaluation.npz"  # an evaluation that was interrupted, beside the checkpoint
RECORDED = "recorded_{}.npz"  # recorded samples, beside the checkpoint
TRAINED = "trained.h5"
TRAINED_FORMAT = "neurochip-trained-1"
EXTRAPOLATED = "are extrapolated"  # said in warnings of prices, which have a range for it: no loss
