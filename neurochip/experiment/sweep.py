"""[sweep]: what a study of an experiment varies and asks for. A run takes no notice of it."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from neurochip.common.toml import STRICT


class SweepModel(BaseModel):
    """[sweep]: the study of `neurochip sweep`."""

    model_config = STRICT

    vary: list[str] = Field(
        default=[], description="what is varied: `KEY=a,b,c`, `KEY=low..high`, `KEY=low..high:step`, of any key that `--set` knows"
    )
    seeds: int = Field(default=1, ge=1, le=1000, description="runs of each point, with the experiment's seed and those after it")
    objectives: list[str] = Field(
        default=["accuracy", "energy"],
        description="what is to be had: accuracy, energy, latency, area, twin (accuracy), training_energy, training_latency",
    )
    method: Literal["grid", "random", "nsga2", "tpe"] = Field(
        default="grid", description="all combinations, or `trials` of them: drawn, or proposed by a search (Optuna)"
    )
    trials: int | None = Field(default=None, ge=1, description="points of random or search, which need it")
    generation: int = Field(
        default=16, ge=2, description="points that a search proposes at a time, knowing all before; more than workers keeps them busy"
    )
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(default=1, description="of what random and search draw; not that of the runs")
    budget: str | None = Field(
        default=None, description="cheap first: `samples=2000,10000` (data.train_samples), `epochs=...`, or `KEY=...`; grid and random only"
    )
    keep: float = Field(default=0.5, gt=0.0, lt=1.0, description="share of the points that goes on to the next budget")
