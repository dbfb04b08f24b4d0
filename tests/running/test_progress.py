"""What a run tells while it goes: lines to a file, bars to a terminal."""

import io
import re

import numpy as np
import pytest
from rich.console import Console

from pgvq import run, sweep
from pgvq.cli.progress_display import (
    Live,
    Plain,
    Rate,
    batch_label,
    reporter_for,
    score_text,
)
from pgvq.rollout import Games
from pgvq.running.progress import Reporter
from pgvq.training.lanes import Evaluation, Lane
from tests.helpers.cli_fixtures import dqn, tiny

pytestmark = pytest.mark.usefixtures("compile_once")


def console(terminal, width=80):
    """A console that writes to a string."""
    return Console(
        file=io.StringIO(), force_terminal=terminal, width=width, _environ={}
    )


def lanes(seeds, variants=("dqn",)):
    """Lanes of so many seeds of each variant."""
    return [Lane(v, dqn(), s) for v in variants for s in range(seeds)]


def evaluation(scores, diverged=()):
    """Greedy games [L, G] and nothing else."""
    scores = np.asarray(scores, np.float32)
    games = Games(scores, np.ones(scores.shape), np.zeros(scores.shape, bool))
    broken = np.isin(np.arange(len(scores)), diverged)
    return Evaluation({"greedy": games}, broken)


def test_bars_on_a_terminal_and_lines_elsewhere():
    assert isinstance(reporter_for(console(True)), Live)
    assert isinstance(reporter_for(console(False)), Plain)


def test_lines_are_plain_and_one_per_evaluation_point():
    out = console(False)
    with reporter_for(out) as reporter:
        run(tiny(), None, reporter)
    lines = out.file.getvalue().splitlines()
    assert lines[0] == "dqn, 2 seeds: 224 agent steps each"
    points = [line for line in lines if "score" in line]
    assert [line.split()[3].split("/")[0] for line in points] == [
        "32",
        "96",
        "160",
        "224",
    ]
    assert re.fullmatch(
        r"dqn, 2 seeds: 224/224 agent steps, score [+-]\d\.\d, \S+ steps/s", points[-1]
    )
    assert re.fullmatch(
        r"dqn, 2 seeds: done; \S+ of training, \S+ of compilation", lines[-1]
    )
    assert "\x1b" not in out.file.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_bars_fit_the_terminal_and_end_complete(width):
    out = console(True, width)
    with reporter_for(out) as reporter:
        run(tiny(), None, reporter)
        task = reporter.bars.tasks[0]
    assert (task.completed, task.total, task.finished) == (224, 224, True)
    last = plain(out.file.getvalue()).strip().splitlines()[-1]
    assert len(last.rstrip()) <= width
    assert re.search(r"dqn, 2 seeds .*224/224 +\S+/s in \S+ +\+\S+.* score", last) or (
        re.search(r"dqn, 2 seeds .*224/224 +\S+ steps/s in \S+ +\+\S+ comp.* sc", last)
    )


def plain(text):
    """Text without what moves a terminal's cursor."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "\n")


def test_compiling_is_shown_before_the_first_chunk_and_told_apart():
    reporter = Live(console(True))
    batch = lanes(2)
    reporter.planned(tiny(), 0, [batch, lanes(3)])
    reporter.batch(batch, 0, 1000)
    reporter.phase("compiling")
    first, second = reporter.bars.tasks
    assert (first.fields["now"], second.fields["now"]) == ("compiling", "waiting")
    reporter.phase("training")
    reporter.advanced(500, 1000, 2.0, 7.5)
    assert first.fields["rate"] == "500/s"
    assert first.fields["compiled"] == "+7.5s"
    assert first.fields["now"].endswith(" left")
    reporter.finished(batch, complete=False)
    assert first.fields["now"] == "stopped at 2.0s"


def test_the_display_is_redrawn_at_most_four_times_a_second():
    assert Live(console(True)).bars.live.refresh_per_second <= 4


def test_labels_say_what_trains_together():
    assert batch_label(lanes(1)) == "dqn, 1 seed"
    names = tuple(sweep(dqn(), learning_rate=[1e-3, 3e-3]))
    assert batch_label(lanes(5, names)) == "dqn, 2 variants, 5 seeds"


def test_the_score_is_the_interquartile_mean_over_seeds():
    scores = [[0, 0], [1, 3], [2, 2], [100, 100]]
    assert score_text(lanes(4), evaluation(scores)) == "score +2.0"
    both = lanes(2, ("a", "b"))
    found = score_text(both, evaluation(scores, diverged=[0]))
    assert found == "best +51.0, 1 diverged"


def test_a_rate_counts_the_steps_of_all_lanes():
    rate = Rate()
    assert rate.text() == ""
    rate.add(1000, 2.0)
    rate.add(2000, 1.0)
    assert rate.text(", ") == ", 1k steps/s"


def test_the_default_reporter_is_silent(capsys):
    run(tiny(), None, Reporter())
    assert capsys.readouterr().out == ""


def test_what_is_there_already_is_said(tmp_path):
    run(tiny(seeds=2), tmp_path / "out")
    out = console(False)
    run(tiny(seeds=2), tmp_path / "out", reporter_for(out))
    assert "all 2 runs are there already; nothing to train" in out.file.getvalue()
    out = console(False)
    run(tiny(seeds=4), tmp_path / "out", reporter_for(out))
    assert "2 runs are there already, 2 to go" in out.file.getvalue()
