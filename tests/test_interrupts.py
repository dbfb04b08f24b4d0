"""Ctrl-C in processes of their own, wherever the tests themselves run."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from pgvq.interrupts import in_thread, interruptible
from pgvq.results import store as results
from pgvq.running.runner import run
from pgvq.training import checkpoints
from tests.helpers.cli_fixtures import assert_equal, environment, tiny

pytestmark = pytest.mark.usefixtures("compile_once")

# `at` says where Ctrl-C comes, `times` how often; it is ignored if `ignored`.
PRESSED = """
import os, signal, sys, time
at, times, ignored = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "ignored"
signal.signal(
    signal.SIGINT, signal.SIG_IGN if ignored else signal.default_int_handler
)
from pgvq import cli
from pgvq.running import session
from pgvq.training import checkpoints
from pgvq.training import lanes as training
from pgvq.running.session import LaneTraining
session.CHUNK_SECONDS = session.CHECKPOINT_SECONDS = 0
left = times

def pressing(original):
    def pressed(*args, **kwargs):
        global left
        while left:
            left -= 1
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
        return original(*args, **kwargs)
    return pressed

owner, name = {
    "compiling": (training.Lanes, "compile"),
    "training": (training.Lanes, "advance"),
    "evaluating": (training.Lanes, "evaluate"),
    "saving": (checkpoints.Batch, "save"),
    "writing": (checkpoints, "array_digests"),
}[at]
setattr(owner, name, pressing(getattr(owner, name)))
sys.argv[1:] = ["run", "tiny.py"]
cli.program()
"""


def pressed(at, times, kind="heard"):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", PRESSED, at, str(times), kind],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    "at", ["compiling", "training", "evaluating", "saving", "writing"]
)
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_stops_without_a_traceback_and_the_folder_goes_on(workplace, at, times):
    done = pressed(at, times)
    assert done.returncode == 130, done.stderr
    assert done.stderr == ""
    assert "Traceback" not in done.stdout
    said = (
        "holds all, and the same command goes on" if times == 1 else "stopped at once"
    )
    assert said in done.stdout
    out = workplace / "results" / "tiny"
    kept = [p.name for p in out.rglob(".*") if p.name != ".lock"]
    assert kept == []
    if times == 1:
        assert len(checkpoints.saved_batches(out)) == 1
    assert_equal(run(tiny(), out), run(tiny()))


def test_where_it_is_ignored_a_run_goes_on_to_its_end(workplace):
    """As in the background of a shell, and under nohup."""
    done = pressed("training", 3, "ignored")
    assert done.returncode == 0, done.stderr
    assert len(results.load(workplace / "results" / "tiny").training) == 2 * 4


def test_the_first_sets_an_event_and_the_second_interrupts(heeds_ctrl_c):
    with interruptible() as event:
        signal.raise_signal(signal.SIGINT)
        assert event.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_ignored_signal_stays_ignored(heeds_ctrl_c):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interruptible() as event:
        signal.raise_signal(signal.SIGINT)
        assert not event.is_set()
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_what_is_done_in_a_thread_comes_back_or_is_raised(heeds_ctrl_c):
    assert in_thread(threading.current_thread) is not threading.main_thread()
    with pytest.raises(ZeroDivisionError):
        in_thread(lambda: 1 // 0)
    done = []

    def press():
        os.kill(os.getpid(), signal.SIGINT)
        done.append(threading.Event().wait(0.2))

    with pytest.raises(KeyboardInterrupt):
        in_thread(press)
    assert done == [False]  # it was over before
