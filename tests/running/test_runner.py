"""Runs that are stopped, killed, extended or tampered with end as if nothing was."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pandas as pd
import pytest
from flax import linen as nn

from pgvq import plotting, sweep
from pgvq.cli import main
from pgvq.cli.summary_table import print_summary
from pgvq.experiments.differences import differences, text_of
from pgvq.networks.torsos import MLP
from pgvq.results import store as results
from pgvq.running.runner import run, train
from pgvq.running.session import Interrupted
from pgvq.storage import files
from pgvq.storage.locking import locked
from pgvq.training import checkpoints
from pgvq.training.lane import Lane
from pgvq.training.lanes import Lanes
from pgvq.types import InputError
from tests.helpers.cli_fixtures import (
    ITERATIONS,
    TEXT,
    UNTIMED,
    Calls,
    assert_equal,
    dqn,
    environment,
    tiny,
)

pytestmark = pytest.mark.usefixtures("compile_once", "heeds_ctrl_c")


class Killed(BaseException):
    """As if the process ended here: nothing catches it."""


@pytest.fixture(scope="module")
def whole():
    """The experiment's results, never interrupted."""
    return run(tiny())


def stop_at(chunk):
    """A reporter that presses Ctrl-C once, after so many chunks."""

    def on_advance(number):
        if number == chunk:
            signal.raise_signal(signal.SIGINT)

    return Calls(on_advance)


def test_a_folder_holds_what_memory_held(whole, finished):
    assert_equal(whole, finished)
    steps = sorted(set(whole.training["agent_steps"]))
    assert steps == [32, 32 + 2 * 32, 32 + 4 * 32, 32 + 6 * 32]  # pitfall 13
    assert len(whole.evaluations) == 2 * 4 * 2 * 2  # seeds, points, modes, games


def test_train_is_the_short_form(whole):
    found = train(dqn(), steps=224, seeds=2, evaluations=3, games=2)
    frame = found.training.drop(columns=UNTIMED)
    pd.testing.assert_frame_equal(frame, whole.training.drop(columns=UNTIMED))


@pytest.mark.parametrize("chunk", [1, 3, 5, ITERATIONS])
def test_ctrl_c_saves_and_the_same_run_goes_on(often, tmp_path, whole, chunk):
    """Pitfall 17: replay, optimiser, keys and counters go on, not parameters alone."""
    out = tmp_path / "out"
    if chunk < ITERATIONS:
        with pytest.raises(Interrupted, match="the same command goes on"):
            run(tiny(), out, stop_at(chunk))
    else:
        run(tiny(), out, stop_at(chunk))  # there is nothing left to stop
    again = Calls(lambda number: None)
    assert_equal(run(tiny(), out, again), whole)
    assert again.chunks == ITERATIONS - chunk


def test_partial_results_come_with_the_interruption(often, tmp_path):
    with pytest.raises(Interrupted) as stop:
        run(tiny(), None, stop_at(3))
    assert set(stop.value.results.training["agent_steps"]) == {32, 96}
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


# Where a process may die: before the nth call of something that touches the folder.
MOMENTS = [
    (results, "write_table", 1),  # nothing is there but the description
    (results, "write_table", 4),  # one table of a point, not the other
    (results, "add_session", 3),
    (checkpoints.Batch, "save", 1),
    (checkpoints.Batch, "save", 4),
    (checkpoints, "write_json", 6),  # state without its note
    (Path, "rename", 5),  # all written, under no name yet
    (checkpoints.shutil, "rmtree", 5),  # two checkpoints
    (files.os, "replace", 9),
    (results, "write_table", 8),  # the last point
    (checkpoints.Batch, "save", ITERATIONS + 1),  # tables whole, checkpoint not
]


@pytest.mark.parametrize(("owner", "name", "count"), MOMENTS)
def test_a_run_killed_at_any_moment_goes_on_equal(
    often, tmp_path, monkeypatch, whole, owner, name, count
):
    original, calls = getattr(owner, name), iter(range(1, 1000))

    def fatal(*args, **kwargs):
        if next(calls) == count:
            raise Killed
        return original(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fatal)
        with pytest.raises(Killed):
            run(tiny(), tmp_path / "out")
    again = Calls(lambda number: None)
    assert_equal(run(tiny(), tmp_path / "out", again), whole)
    assert again.chunks <= ITERATIONS


SLOW_RUN = """
import sys
from pgvq.running import session
from pgvq.cli import main
session.CHUNK_SECONDS = session.CHECKPOINT_SECONDS = 0
main(sys.argv[1:])
"""


def test_kill_9_at_a_random_moment_then_the_same_command(workplace, monkeypatch):
    """Pitfall 17, with a process that really dies."""
    monkeypatch.setattr(plotting, "plot", lambda *_: [])
    chance = random.Random()
    words = ["run", "tiny.py", "--steps", str(32 + 60 * 32), "--evaluations", "7"]
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_RUN, *words], cwd=workplace, env=environment()
    )
    moment = chance.randrange(1, 50)
    print("killed after iteration", moment)
    folder = workplace / "results" / "tiny"
    deadline = time.monotonic() + 60
    while latest(folder) < moment and time.monotonic() < deadline:
        time.sleep(0.002)
    time.sleep(chance.uniform(0, 0.05))
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert 0 < latest(folder) < 60
    assert (folder / ".lock").exists()  # of a dead process, and so free

    assert main(words) == 0
    whole = run(tiny(steps=32 + 60 * 32, evaluations=7))
    assert_equal(folder, whole)
    assert not (folder / ".lock").exists()


def latest(folder):
    """The iteration of the newest checkpoint."""
    try:
        return max(
            (b.iteration() for b in checkpoints.saved_batches(folder)), default=0
        )
    except OSError:  # removed while we looked
        return 0


def test_more_seeds_train_only_what_is_missing(finished, tmp_path, whole):
    out = copied(finished, tmp_path)
    calls = Calls(lambda number: None)
    found = run(tiny(seeds=4), out, calls)
    assert calls.done == 2
    assert calls.batches == [[("dqn", 2), ("dqn", 3)]]
    old = found.evaluations["seed"] < 2
    assert_equal(
        results.assemble(found.description, split(found, found.training["seed"] < 2)),
        whole,
    )
    games = found.evaluations.groupby("seed")["length"].apply(tuple)
    assert old.sum() * 2 == len(found.evaluations)
    assert games.nunique() == 4  # pitfall 1: seeds differ
    assert run(tiny(seeds=1), out).training["seed"].nunique() == 4  # nothing is lost


def split(found, rows):
    """Tables of the rows of the training table that are wanted, by seed."""
    seeds = set(found.training.loc[rows, "seed"])
    labels = ["variant", "algorithm", "family"]
    tables = {
        name: table.loc[table["seed"].isin(seeds)].drop(columns=labels)
        for name, table in (
            ("evaluations", found.evaluations),
            ("training", found.training),
        )
    }
    return {"dqn": tables}


def copied(folder, place):
    """A copy of a results folder that may be spoilt."""
    return Path(shutil.copytree(folder, place / "copy"))


def test_interrupted_with_two_seeds_then_four(often, tmp_path, whole):
    out = tmp_path / "out"
    with pytest.raises(Interrupted):
        run(tiny(), out, stop_at(5))
    calls = Calls(lambda number: None)
    found = run(tiny(seeds=4), out, calls)
    assert calls.batches == [[("dqn", 0), ("dqn", 1)], [("dqn", 2), ("dqn", 3)]]
    assert calls.chunks == (ITERATIONS - 5) + ITERATIONS
    kept = split(found, found.training["seed"] < 2)
    assert_equal(results.assemble(found.description, kept), whole)


def test_a_kill_between_two_variants_of_a_batch(often, tmp_path, monkeypatch):
    """One of two lanes has all its rows, the other has not: both go on."""
    experiment = tiny(algorithms=sweep(dqn(), learning_rate=[1e-3, 3e-3]), seeds=1)
    expected = run(experiment)
    write, calls = results.write_table, iter(range(1, 1000))

    def fatal(*args):
        if next(calls) == 15:  # of 4 points, 2 variants, 2 tables
            raise Killed
        write(*args)

    with monkeypatch.context() as patch:
        patch.setattr(results, "write_table", fatal)
        with pytest.raises(Killed):
            run(experiment, tmp_path / "out")
    calls = Calls(lambda number: None)
    assert_equal(run(experiment, tmp_path / "out", calls), expected)
    assert calls.done == 0  # neither has its last checkpoint
    assert calls.chunks == 1  # from the last checkpoint


def test_a_changed_configuration_is_named_and_nothing_is_touched(finished):
    before = {p: p.stat().st_mtime_ns for p in finished.rglob("*")}
    changed = tiny(algorithms=[dqn(learning_rate=2e-3)])
    with pytest.raises(InputError, match=r"learning_rate: 0.001 -> 0.002.*--fresh"):
        run(changed, finished)
    with pytest.raises(InputError, match=r"budget_agent_steps: 224 -> 1000"):
        run(tiny(steps=1000), finished)
    with pytest.raises(InputError, match=r"other: none -> DQN"):
        run(tiny(algorithms={"dqn": dqn(), "other": dqn(double=False)}), finished)
    assert {p: p.stat().st_mtime_ns for p in finished.rglob("*")} == before


def test_fresh_starts_anew_in_a_results_folder(finished, tmp_path, whole):
    out = copied(finished, tmp_path)
    (out / "old.txt").write_text("from the last time")
    found = run(tiny(seeds=2), out, fresh=True)
    assert not (out / "old.txt").exists()
    assert_equal(found, whole)


def test_fresh_deletes_nothing_that_pgvq_did_not_write(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="is not a results folder"):
        run(tiny(), mine, fresh=True)
    (mine / "experiment.json").write_text('{"made by": "another program"}')
    with pytest.raises(InputError, match="was not written by pgvq"):
        run(tiny(), mine, fresh=True)
    (mine / "experiment.json").write_text("{")
    with pytest.raises(InputError, match=r"cannot be read.*by hand"):
        run(tiny(), mine, fresh=True)
    assert (mine / "thesis.tex").exists()
    assert not (mine / ".lock").exists()


def test_without_checkpoints_unfinished_seeds_start_anew(often, tmp_path, whole):
    out = tmp_path / "out"
    with pytest.raises(Interrupted):
        run(tiny(), out, stop_at(5))
    shutil.rmtree(out / "checkpoints")
    calls = Calls(lambda number: None)
    assert_equal(run(tiny(), out, calls), whole)
    assert calls.chunks == ITERATIONS


def test_a_finished_run_needs_no_checkpoints(finished, tmp_path, whole):
    out = copied(finished, tmp_path)
    shutil.rmtree(out / "checkpoints")
    calls = Calls(lambda number: None)
    assert_equal(run(tiny(), out, calls), whole)
    assert calls.batches == []


@pytest.mark.parametrize("table", ["evaluations", "training"])
def test_a_deleted_table_is_computed_anew(often, tmp_path, whole, table):
    out = tmp_path / "out"
    with pytest.raises(Interrupted):
        run(tiny(), out, stop_at(5))
    (out / "dqn" / f"{table}.parquet").unlink()
    assert_equal(run(tiny(), out), whole)


def test_half_written_files_under_other_names_do_no_harm(often, tmp_path, whole):
    out = tmp_path / "out"
    with pytest.raises(Interrupted):
        run(tiny(), out, stop_at(4))
    (out / "dqn" / ".training.parquet.0badcafe.tmp").write_bytes(b"PAR1 half")
    batch = checkpoints.saved_batches(out)[0].folder
    (batch / ".9.partial" / "state").mkdir(parents=True)
    assert_equal(run(tiny(), out), whole)


@pytest.mark.parametrize("file", ["training.parquet", "evaluations.parquet"])
def test_a_damaged_table_is_an_error_that_says_what_to_do(finished, tmp_path, file):
    out = copied(finished, tmp_path)
    path = out / "dqn" / file
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=rf"{file} cannot be read.*; delete"):
        run(tiny(seeds=4), out)
    assert path.read_bytes() == whole[: len(whole) // 2]


def test_results_of_another_format_are_left_alone(finished, tmp_path):
    out = copied(finished, tmp_path)
    path = out / "experiment.json"
    held = json.loads(path.read_text()) | {"format_version": 99}
    path.write_text(json.dumps(held))
    with pytest.raises(InputError, match="format_version 99, this pgvq reads"):
        run(tiny(), out)
    assert json.loads(path.read_text())["format_version"] == 99


def test_a_folder_in_use_is_refused(tmp_path):
    out = tmp_path / "out"
    with (
        locked(out),
        pytest.raises(InputError, match="another process is training in"),
    ):
        run(tiny(), out)
    assert not out.exists()  # nothing came of it


def test_an_unwritable_folder_is_an_error(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pgvq.storage.locking._acquired", refuse)
    with pytest.raises(InputError, match=r"cannot write .*Permission denied; choose"):
        run(tiny(), tmp_path / "out")


@pytest.mark.parametrize("place", ["/dev/null/out", "/proc/nowhere"])
def test_a_place_where_no_folder_can_be_is_an_error(place):
    with pytest.raises(InputError, match=f"cannot write {place}"):
        run(tiny(), place)


def test_a_file_is_no_results_folder(workplace):
    with pytest.raises(InputError, match=r"tiny.py is a file; choose a folder"):
        run(tiny(), "tiny.py")
    assert Path("tiny.py").read_text() == TEXT


def test_a_diverged_lane_is_kept_marked_and_alone(often, tmp_path, whole, capsys):
    """One lane's parameters become NaN; the other is as if nothing had happened."""
    out = tmp_path / "out"
    with pytest.raises(Interrupted):
        run(tiny(), out, stop_at(3))
    batch = checkpoints.saved_batches(out)[0]
    lanes = [Lane(name, dqn(budget=224.0), seed) for name, seed in batch.lanes]
    saved, position = batch.restore(Lanes(lanes, 2, 27_000).host_shapes())
    saved = jax.tree.map(np.array, saved)  # what was restored is read-only
    for leaf in jax.tree.leaves(saved.state.learner.params):
        leaf[1] = np.nan
    shutil.rmtree(batch.folder)
    batch.save(saved, position)

    found = run(tiny(), out)
    broken = found.training.groupby("seed")["diverged"].max()
    assert broken.to_dict() == {0: False, 1: True}
    kept = [split(x, x.training["seed"] == 0) for x in (found, whole)]
    assert_equal(*[results.assemble(found.description, tables) for tables in kept])
    print_summary(found)
    said = capsys.readouterr().out
    assert "seeds that diverged; they count like the others: dqn 1 of 2." in said


def test_sessions_tell_how_long_each_took(finished):
    sessions = results.read_sessions(finished, "dqn")
    assert len(sessions) == 1
    session = sessions[0]
    assert session["seeds"] == [0, 1]
    assert session["agent_steps"] == 2 * 224
    assert session["compile_seconds"] > 0
    assert session["packages"]["jax"]


def test_a_field_that_came_later_counts_as_its_default():
    """Folders written before it go on, unless the experiment sets it otherwise."""
    held = files.plain(tiny().describe())
    del held["variants"][0]["fields"]["dueling"]
    del held["variants"][0]["fields"]["torso"]["fields"]["layer_norm"]
    same, other = tiny(), tiny(algorithms=[dqn(dueling=True)])
    assert differences(held, same) == []
    assert differences(held, other) == ["dqn.dueling: False -> True"]
    deep = tiny(algorithms=[dqn(torso=MLP((8,), layer_norm=True))])
    assert differences(held, deep) == ["dqn.torso.layer_norm: False -> True"]
    # What the folder holds is never replaced, and other classes have other defaults.
    held["variants"][0]["fields"]["double"] = "changed"
    assert differences(held, same) == ["dqn.double: changed -> True"]
    held["variants"][0]["object"] = "other.Other"
    assert differences(held, same)


def old_description(experiment):
    """As pgvq 0.1 wrote it before it kept digests."""
    held = files.plain(experiment.describe())
    del held["digest"], held["sources"]
    for part in held["variants"]:
        algorithm = experiment.variants[part["name"]]
        del part["object"]
        part["fields"] = {
            name: text_of(getattr(algorithm, name)) for name in part["fields"]
        }
    return held


def test_a_folder_without_a_digest_goes_on_after_a_sentence(finished, tmp_path):
    out = copied(finished, tmp_path)
    old = old_description(tiny())
    assert old["variants"][0]["fields"]["env"] == (
        "Pong(episode='point', points_to_win=1)"
    )
    files.write_json(out / "experiment.json", {"format_version": 1} | old)
    calls = Calls(lambda number: None)
    run(tiny(), out, calls)  # nothing goes on here, and nothing is said
    assert "digest" not in results.read_description(out)
    with pytest.raises(InputError, match=r"dqn.dueling: False -> True"):
        run(tiny(algorithms=[dqn(dueling=True)]), out)
    with pytest.raises(InputError, match=r"dqn.torso: MLP.*features = \(8,\)"):
        run(tiny(algorithms=[dqn(torso=MLP((9,)))]), out)
    with pytest.warns(UserWarning, match="was written before pgvq described"):
        run(tiny(seeds=3), out)
    held = results.read_description(out)
    assert held["continued_without_digest"] is True
    assert held["digest"] == tiny().describe()["digest"]
    calls.note = pytest.fail  # said once; from now on the digest decides
    run(tiny(seeds=4), out, calls)


def test_a_description_that_was_edited_is_refused(finished, tmp_path):
    out = copied(finished, tmp_path)
    held = json.loads((out / "experiment.json").read_text())
    files.write_json(out / "experiment.json", held | {"title": "a better one"})
    assert run(tiny(), out).description["title"] == "a better one"
    held["variants"][0]["fields"]["learning_rate"] = 2e-3
    files.write_json(out / "experiment.json", held)
    with pytest.raises(InputError, match="was changed since it was written"):
        run(tiny(algorithms=[dqn(learning_rate=2e-3)]), out)


@pytest.mark.parametrize("row", [0, -1])
def test_a_run_that_lacks_a_game_is_made_again(finished, tmp_path, row):
    """A mean of one game stood for that of two, and nothing said so."""
    out = copied(finished, tmp_path)
    table = results.read_table(out, "dqn", "evaluations")
    results.write_table(out, "dqn", "evaluations", table.drop(table.index[row]))
    run(tiny(), out)
    assert_equal(out, finished)


def test_variants_that_float32_cannot_tell_apart_are_told(tmp_path):
    grid = sweep(dqn(), discount=[0.99999999, 1.0])
    with pytest.warns(
        UserWarning, match=r"discount=0.99999999 and dqn discount=1 train"
    ):
        run(tiny(algorithms=grid, seeds=1))


class Broken(nn.Module):
    """A network with a fault that shows when it is applied."""

    @nn.compact
    def __call__(self, obs):
        return {}["layer"]


def test_what_cannot_be_built_leaves_no_folder(tmp_path):
    wrong = tiny(algorithms=[dqn(torso=Broken())])
    with pytest.raises(
        InputError,
        match=r"dqn cannot be built at .*test_runner.py, line \d+ \(KeyError",
    ):
        run(wrong, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    run(tiny(seeds=1), tmp_path / "out")
    with pytest.raises(InputError, match="cannot be built"):
        run(wrong, tmp_path / "out", fresh=True)
    assert len(results.load(tmp_path / "out").training)  # nothing was deleted for it


@pytest.mark.parametrize("out", [5, object(), ["x"]])
def test_a_place_that_is_no_path_is_refused(out):
    with pytest.raises(InputError, match="is no path; give a text"):
        run(tiny(), out)
    with pytest.raises(InputError, match="is no path; give a text"):
        train(dqn(), steps=224, out=out)
    with pytest.raises(InputError, match="is no path; give a text"):
        results.load(out)


def test_what_is_no_experiment_is_refused():
    with pytest.raises(InputError, match="DQN is no experiment"):
        run(dqn())  # pyright: ignore
    with pytest.raises(InputError, match="is no algorithm"):
        train(object(), steps=224)
