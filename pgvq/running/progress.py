"""What a running experiment tells: the calls that a reporter may answer."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pgvq.training.lane import Evaluation, Lane

if TYPE_CHECKING:
    from pgvq.experiments.definition import Experiment

Phase = Literal["compiling", "starting", "training", "evaluating", "saving"]


class Reporter:
    """Silent: every call but `note` does nothing. Override what is to be shown."""

    def note(self, text: str) -> None:
        """A sentence that must not go unseen; a Python warning unless it is shown."""
        warnings.warn(text, stacklevel=2)

    def planned(
        self, experiment: "Experiment", done: int, batches: Sequence[list[Lane]]
    ) -> None:
        """Before training: lanes that the folder holds, and the batches it lacks."""

    def batch(self, lanes: list[Lane], done_steps: int, total_steps: int) -> None:
        """A batch of lanes begins, or goes on; steps are agent steps of one lane."""

    def phase(self, phase: Phase) -> None:
        """What the batch does next; compilation is told apart."""

    def advanced(
        self, done_steps: int, lane_steps: int, seconds: float, compile_seconds: float
    ) -> None:
        """A chunk is done.

        `done_steps` of one lane so far, `lane_steps` of all lanes in this chunk, which
        took `seconds`; `compile_seconds` of the batch so far.
        """

    def evaluated(self, lanes: list[Lane], steps: int, evaluation: Evaluation) -> None:
        """Games of all lanes after a number of agent steps of each."""

    def finished(self, lanes: list[Lane], complete: bool) -> None:
        """The batch is at its end (`complete`), or was interrupted."""

    def compared(self, decisions: Sequence[str]) -> None:
        """What a comparison has decided so far, a sentence per pair."""
