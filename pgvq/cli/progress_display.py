"""Progress for people: live bars on a terminal, plain lines everywhere else."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
)
from rich.text import Text

from pgvq.analysis.statistics import interquartile_mean
from pgvq.analysis.words import duration, short
from pgvq.experiments.definition import Experiment
from pgvq.plain_text import say, visible
from pgvq.running.progress import Phase, Reporter
from pgvq.training.lane import Evaluation, Lane

UPDATES_PER_SECOND = 4


def reporter_for(console: Console) -> "Plain | Live":
    """Bars where there is a terminal to redraw them on, lines where there is none."""
    return Live(console) if console.is_terminal else Plain(console)


class Plain(Reporter):
    """One line per batch and evaluation point, and nothing that moves."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.label, self.total = "", 0
        self.rate, self.compile_seconds = Rate(), 0.0

    def say(self, text: str) -> None:
        """Prints a line as it is, never wrapped."""
        say(self.console, text, wrap=False)

    def note(self, text: str) -> None:
        self.say(f"note: {text}")

    def planned(
        self, experiment: Experiment, done: int, batches: Sequence[list[Lane]]
    ) -> None:
        if line := plan_line(experiment, done, batches):
            self.say(line)

    def batch(self, lanes: list[Lane], done_steps: int, total_steps: int) -> None:
        self.label, self.total = batch_label(lanes), total_steps
        self.rate = Rate()
        goes_on = f", goes on from {short(done_steps)}" if done_steps else ""
        self.say(f"{self.label}: {short(total_steps)} agent steps each{goes_on}")

    def advanced(
        self, done_steps: int, lane_steps: int, seconds: float, compile_seconds: float
    ) -> None:
        self.rate.add(lane_steps, seconds)
        self.compile_seconds = compile_seconds

    def evaluated(self, lanes: list[Lane], steps: int, evaluation: Evaluation) -> None:
        self.say(
            f"{self.label}: {short(steps)}/{short(self.total)} agent steps, "
            f"{score_text(lanes, evaluation)}{self.rate.text(', ')}"
        )

    def finished(self, lanes: list[Lane], complete: bool) -> None:
        ended = "done" if complete else "stopped"
        self.say(
            f"{self.label}: {ended}; {duration(self.rate.seconds)} of training, "
            f"{duration(self.compile_seconds)} of compilation"
        )

    def compared(self, decisions: Sequence[str]) -> None:
        for line in decisions:
            self.say(line)

    def __enter__(self) -> "Plain":
        return self

    def __exit__(self, *_: Any) -> None:
        return None


class Live(Reporter):
    """A bar per batch: agent steps, steps/s of all lanes, time left, score."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.wide = console.width >= 100
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24 if self.wide else 8),
            TextColumn("{task.fields[steps]}", justify="right", markup=False),
            TextColumn("{task.fields[rate]}", justify="right", markup=False),
            _Now(),
            TextColumn(
                "{task.fields[compiled]}", style="dim", justify="right", markup=False
            ),
            TextColumn("{task.fields[score]}", markup=False),
            console=console,
            refresh_per_second=UPDATES_PER_SECOND,
        )
        self.tasks: dict[tuple[tuple[str, int], ...], TaskID] = {}
        self.task = TaskID(0)
        self.total, self.first, self.done = 0, 0, 0
        self.rate, self.began = Rate(), 0.0

    def __enter__(self) -> "Live":
        self.bars.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.bars.stop()

    def note(self, text: str) -> None:
        self.bars.console.print(f"note: {text}", highlight=False, markup=False)

    def planned(
        self, experiment: Experiment, done: int, batches: Sequence[list[Lane]]
    ) -> None:
        if line := plan_line(experiment, done, batches):
            say(self.bars.console, line)
        for lanes in batches:
            # A bar without a total would move although nothing happens yet.
            self.tasks[_key(lanes)] = self.bars.add_task(
                batch_label(lanes),
                total=1,
                steps="",
                rate="",
                now="waiting",
                since=None,
                compiled="",
                score="",
            )

    def batch(self, lanes: list[Lane], done_steps: int, total_steps: int) -> None:
        self.task = self.tasks[_key(lanes)]
        self.total, self.first, self.done = total_steps, done_steps, done_steps
        self.rate, self.began = Rate(), 0.0
        self._show(total=total_steps, completed=done_steps)

    def phase(self, phase: Phase) -> None:
        if phase == "training" and not self.began:
            self.began = time.monotonic()
        if phase == "training" and self.done > self.first:
            return  # the time left says more
        self._show(now=phase, since=time.monotonic())

    def advanced(
        self, done_steps: int, lane_steps: int, seconds: float, compile_seconds: float
    ) -> None:
        self.done = done_steps
        self.rate.add(lane_steps, seconds)
        elapsed = time.monotonic() - self.began
        left = elapsed * (self.total - self.done) / (self.done - self.first)
        self._show(
            completed=done_steps,
            rate=self.rate.text(unit=" steps/s" if self.wide else "/s"),
            now=f"{duration(left)} left",
            since=None,
            compiled=f"+{duration(compile_seconds)}"
            + (" compiling" if self.wide else ""),
        )

    def evaluated(self, lanes: list[Lane], steps: int, evaluation: Evaluation) -> None:
        self._show(score=score_text(lanes, evaluation))

    def finished(self, lanes: list[Lane], complete: bool) -> None:
        ended = "in" if complete else "stopped at"
        self._show(now=f"{ended} {duration(self.rate.seconds)}", since=None)

    def compared(self, decisions: Sequence[str]) -> None:
        for line in decisions:
            say(self.bars.console, line)

    def _show(self, **changes: Any) -> None:
        steps = f"{short(self.done)}/{short(self.total)}"
        self.bars.update(self.task, steps=steps, **changes)


class _Now(ProgressColumn):
    """What a batch is doing, and for how long where that is not told otherwise."""

    def render(self, task: Task) -> Text:
        now, since = task.fields["now"], task.fields["since"]
        if since is not None and time.monotonic() - since >= 1:
            now += f" {time.monotonic() - since:.0f}s"
        return Text(now, no_wrap=True)


class Rate:
    """Agent steps of all lanes per second of training."""

    def __init__(self) -> None:
        self.steps, self.seconds = 0, 0.0

    def add(self, steps: int, seconds: float) -> None:
        """Counts a chunk."""
        self.steps += steps
        self.seconds += seconds

    def text(self, before: str = "", unit: str = " steps/s") -> str:
        """Such as `1.2M steps/s`, with `before` in front; empty before the first."""
        if not self.seconds:
            return ""
        return f"{before}{short(self.steps / self.seconds)}{unit}"


def plan_line(experiment: Experiment, done: int, batches: Sequence[list[Lane]]) -> str:
    """What was found and what is missing; empty when a run simply begins."""
    missing = sum(len(lanes) for lanes in batches)
    if not missing:
        return f"all {done} runs are there already; nothing to train"
    return f"{done} runs are there already, {missing} to go" if done else ""


def batch_label(lanes: list[Lane]) -> str:
    """Which variant, or how many, and of how many seeds."""
    variants = list(dict.fromkeys(visible(lane.variant) for lane in lanes))
    seeds = len({lane.seed for lane in lanes})
    many = f"{seeds} seed{'s' if seeds > 1 else ''}"
    if len(variants) == 1:
        return f"{variants[0]}, {many}"
    kind = variants[0].split(" ")[0]
    return f"{kind}, {len(variants)} variants, {many}"


def score_text(lanes: list[Lane], evaluation: Evaluation) -> str:
    """Interquartile mean over seeds of greedy play; of the best variant where several.

    Diverged lanes count, and are counted.
    """
    by_variant: dict[str, list[float]] = {}
    with np.errstate(invalid="ignore"):  # infinity less infinity
        means = np.mean(evaluation.games["greedy"].score, axis=1)  # [L]
    for lane, mean in zip(lanes, means, strict=True):
        by_variant.setdefault(lane.variant, []).append(float(mean))
    scores = [float(interquartile_mean(np.array(v))) for v in by_variant.values()]
    what = "score" if len(scores) == 1 else "best"
    diverged = int(np.sum(evaluation.diverged))
    broken = f", {diverged} diverged" if diverged else ""
    if lost := int(np.sum(np.isnan(means))):
        broken += f", {lost} NaN"
    best = max((score for score in scores if not np.isnan(score)), default=np.nan)
    return f"{what} {best:+.1f}{broken}"


def _key(lanes: list[Lane]) -> tuple[tuple[str, int], ...]:
    return tuple((lane.variant, lane.seed) for lane in lanes)
