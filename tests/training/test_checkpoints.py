"""Checkpoints come back bit for bit, and say what is wrong when they cannot."""

import json
import shutil

import jax
import numpy as np
import pytest

from pgvq.training import checkpoints
from pgvq.training.checkpoints import Batch, Position
from pgvq.training.lane import Lane
from pgvq.training.lanes import Lanes
from pgvq.types import InputError
from tests.helpers.cli_fixtures import dqn, tiny

TREE = {
    "params": np.arange(6, dtype=np.float32).reshape(2, 3),
    "key": np.array([[1, 2], [3, 4]], np.uint32),
    "count": np.array([7, 8], np.int32),
    "flag": np.array([True, False]),
}
LANES = [("dqn", 0), ("dqn", 1)]


def like(tree):
    """Shapes and dtypes of a tree."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), tree)


@pytest.fixture
def batch(tmp_path):
    """A batch with one checkpoint, of `TREE`."""
    made = Batch(tmp_path, LANES)
    made.save(TREE, Position(3, 1.5))
    return made


def test_a_tree_comes_back_as_it_was(batch):
    tree, position = batch.restore(like(TREE))
    assert position == (3, 1.5)
    jax.tree.map(np.testing.assert_array_equal, tree, TREE)
    assert [x.dtype for x in jax.tree.leaves(tree)] == [
        x.dtype for x in jax.tree.leaves(TREE)
    ]


def test_the_newest_replaces_older_ones(batch, tmp_path):
    later = TREE | {"count": np.array([9, 10], np.int32)}
    batch.save(later, Position(5, 2.5))
    tree, position = batch.restore(like(TREE))
    assert position.iteration == batch.iteration() == 5
    np.testing.assert_array_equal(tree["count"], [9, 10])
    kept = {p.name for p in batch.folder.iterdir()}
    assert kept == {"5", "lanes.json"}
    found = checkpoints.saved_batches(tmp_path)
    assert [b.lanes for b in found] == [LANES]


def test_other_lanes_have_another_place(batch, tmp_path):
    other = Batch(tmp_path, [("dqn", 1), ("dqn", 0)])
    assert other.folder != batch.folder
    assert other.iteration() == -1
    assert other.position() is None
    with pytest.raises(InputError, match="holds no checkpoint"):
        other.restore(like(TREE))


def damage_state(folder):
    for path in (folder / "3" / "state").rglob("*"):
        if path.is_file() and path.stat().st_size:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGES = {
    "state cut in half": damage_state,
    "state gone": lambda folder: shutil.rmtree(folder / "3" / "state"),
    "note gone": lambda folder: (folder / "3" / "note.json").unlink(),
    "note empty": lambda folder: (folder / "3" / "note.json").write_text("{}"),
    "note cut": lambda folder: (folder / "3" / "note.json").write_text('{"iter'),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_an_error_that_says_what_to_delete(batch, damage):
    DAMAGES[damage](batch.folder)
    with pytest.raises(InputError, match=rf"delete {batch.folder}/3 and run again"):
        batch.restore(like(TREE))


@pytest.mark.parametrize("text", ["", "{}", "[[1]]", '[["dqn", "x"]]', "[1, 2]"])
def test_a_damaged_list_of_lanes_is_an_error(batch, tmp_path, text):
    (batch.folder / "lanes.json").write_text(text)
    with pytest.raises(InputError, match=r"lanes.json.*delete .* and run again"):
        checkpoints.saved_batches(tmp_path)


def test_another_structure_is_an_error(batch):
    with pytest.raises(InputError, match="cannot be read"):
        batch.restore(like({"something": TREE["params"]}))


def test_unfinished_and_foreign_folders_are_passed_over(batch, tmp_path):
    (batch.folder / ".9.partial").mkdir()
    moved = batch.folder.with_name("dqn-copy")
    shutil.copytree(batch.folder, moved)
    assert [b.folder for b in checkpoints.saved_batches(tmp_path)] == [batch.folder]
    assert batch.iteration() == 3
    assert checkpoints.saved_batches(tmp_path / "nowhere") == []


def test_a_checkpoint_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "checkpoints").write_text("a file stands in the way")
    with pytest.raises(InputError, match="cannot write"):
        Batch(tmp_path, LANES).save(TREE, Position(0, 0.0))


@pytest.mark.parametrize("devices", [1, 2])
def test_lanes_fit_machines_with_other_numbers_of_devices(devices):
    """Three lanes on two devices carry a fourth to even them out; it is not saved."""
    chosen = jax.local_devices()[:devices]
    lanes = [Lane("dqn", dqn(), seed) for seed in range(3)]
    programs = Lanes(lanes, 2, 50, chosen)
    shapes = programs.host_shapes()
    assert {x.shape[0] for x in jax.tree.leaves(shapes)} == {3}
    saved = jax.tree.map(lambda x: np.full(x.shape, 3, x.dtype), shapes)
    again = programs.to_host(programs.from_host(saved))
    jax.tree.map(np.testing.assert_array_equal, again, saved)


def test_one_lane_is_taken_out_of_a_real_checkpoint(finished):
    batch = checkpoints.saved_batches(finished)[0]
    algorithm = tiny().variants["dqn"]
    lanes = [Lane(name, algorithm, seed) for name, seed in batch.lanes]
    programs = Lanes(lanes, 2, 27_000)
    saved, position = batch.restore(programs.host_shapes())
    assert position.iteration == 6
    _, state = programs.agent(saved, 1)
    assert int(state.agent_steps) == 224
    assert jax.dtypes.issubdtype(state.key.dtype, jax.dtypes.prng_key)
    assert not programs._programs  # nothing was compiled
    lanes_file = json.loads((batch.folder / "lanes.json").read_text())
    assert lanes_file == [["dqn", 0], ["dqn", 1]]
