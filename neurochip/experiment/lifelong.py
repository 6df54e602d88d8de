"""[lifelong]: classes are learned one after another, not mixed."""

from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

from neurochip.common.toml import STRICT

Class = Annotated[int, Field(ge=0)]


class LifelongModel(BaseModel):
    """[lifelong]: tasks of some classes each, learned one after another. Tests are on all classes, and nobody tells the chip the task."""

    model_config = STRICT

    tasks: list[Annotated[list[Class], Field(min_length=1)]] = Field(
        min_length=2, description="classes of each task, in the order of learning; `run.epochs` are those of each task"
    )
    shots: int | None = Field(
        default=None, gt=0, description="of each class after the first task only the first so many samples are shown; default: all"
    )
    replay_per_class: int = Field(
        default=0, ge=0, description="the first so many samples of every class that was learned are kept by the host and shown again"
    )
    replay_share: float = Field(
        default=0.5, gt=0.0, lt=1.0, description="share of kept samples among those shown from the second task on, if any are kept"
    )

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        classes = [label for task in self.tasks for label in task]
        if twice := next((label for i, label in enumerate(classes) if label in classes[:i]), None):
            raise ValueError(f"tasks: class {twice} is there twice; a class is learned in one task")
        return self

    def task_of(self, epoch: int, epochs: int) -> int:
        """Return the task of an epoch, both from 0; epochs: of each task."""
        return min(epoch // max(1, epochs), len(self.tasks) - 1)
