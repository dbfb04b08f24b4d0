"""Seeds by number: what they may be in Python, on the command line, and in a folder."""

import jax.numpy as jnp
import numpy as np
import pytest

from pgvq import InputError
from pgvq.cli import main
from pgvq.cli import run as command_line
from pgvq.cli.run import header, made_from
from pgvq.cli.watching import find_lane
from pgvq.experiments import seeds
from pgvq.running.runner import run, train
from tests.helpers.cli_fixtures import TEXT, Calls, assert_equal, dqn, tiny

SAME = [
    (5, 5, "5"),
    (np.int32(5), 5, "5"),
    (range(5), 5, "5"),
    ([2, 0, 1], 3, "3"),
    (range(100, 110), range(100, 110), "100:110"),
    ([7], range(7, 8), "7:8"),
    (range(0, 10, 4), range(0, 10, 4), "0,4,8"),
    ([3, 7, 11], (3, 7, 11), "3,7,11"),
    ({11, 3, 7}, (3, 7, 11), "3,7,11"),
    (np.array([11, 3]), (3, 11), "3,11"),
    (jnp.array([11, 3]), (3, 11), "3,11"),
    ([*range(5), *range(100, 105)], (*range(5), *range(100, 105)), "0:5,100:105"),
    (range(10**6, 2 * 10**6), range(10**6, 2 * 10**6), "1000000:2000000"),
    (range(2**31 - 1, 2**31), range(2**31 - 1, 2**31), "2147483647:2147483648"),
]


@pytest.mark.parametrize(("given", "small", "text"), SAME)
def test_seeds_have_one_small_form_and_one_text(given, small, text):
    found = seeds.checked(given)
    assert (found, type(found)) == (small, type(small))
    hash(found)
    assert seeds.as_text(found) == text
    assert list(seeds.numbers(seeds.from_text(text))) == list(seeds.numbers(small))


def test_texts_may_have_spaces_and_single_seeds_in_a_list():
    assert seeds.from_text(" 3, 7:9 ") == (3, 7, 8)
    assert seeds.from_text("8,9") == range(8, 10)
    assert seeds.from_text("8") == 8


def test_a_range_of_a_billion_is_checked_at_once():
    assert seeds.checked(range(5, 10**9)) == range(5, 10**9)
    assert seeds.in_words(range(5, 10**9)) == "999,999,995 seeds (5-999999999)"


WRONG = [
    (0, "seeds=0 must be a whole number, at least 1"),
    (True, "seeds=True must be a whole number"),
    (2.0, "seeds=2.0 must be"),
    (None, "seeds=None must be"),
    ("100:110", "is a text; give a whole number, range"),
    ([], "is empty; give at least one"),
    (range(0), "is empty"),
    (range(110, 100), r"seeds=range\(110, 100\) is empty; .* range\(100, 110\)"),
    (range(9, 3, -1), r"runs backwards; give range\(4, 10\)"),
    (range(9, 3, -2), r"runs backwards; give range\(5, 10, 2\)"),
    (range(-3, 3), "holds -3, and seeds are numbers from 0 to 2147483647"),
    ([4, -1], "holds -1"),
    ([1, 2**31], "holds 2147483648"),
    (range(2**70, 2**70 + 1), "from 0 to 2147483647"),
    (2**31, "is too many"),
    ([3, 7, 3], "names seed 3 twice"),
    ([1, 2.0], "holds 2.0, and seeds are whole numbers"),
    ([1, True], "holds True"),
    ([[1, 2]], r"holds \[1, 2\]"),
    (np.ones((2, 2), int), "must be a whole number"),
    (iter([1, 2]), "must be a whole number"),
]


@pytest.mark.parametrize(("given", "message"), WRONG)
def test_what_cannot_be_seeds_is_one_line(given, message):
    with pytest.raises(InputError, match=message) as caught:
        tiny(seeds=given)
    assert "\n" not in str(caught.value)


WRONG_TEXTS = {
    "": "'' must be a number of seeds",
    "x": "x must be a number of seeds such as 8, a range such as 100:110, or a list",
    "1.5": "1.5 must be",
    "0": "0 must be a number of seeds from 1",
    "-3": "-3 must be a number of seeds from 1",
    "2147483648": "must be a number of seeds from 1 to 2147483647",
    "5:": "a range needs both ends",
    ":5": "a range needs both ends",
    ":": "must be",
    "1:2:3": "must be",
    "7,": "must be",
    "9:3": "is empty",
    "0:5,9:3": "is empty",
    "-2:3": "holds -2",
    "0:5,3": "names seed 3 twice",
    "3:3": "is empty",
    "0:99999999999999999999999999999,5": "from 0 to 2147483647",
    "0:2000000000,2000000001": "give one range",
    "٣": "must be",
    "1" * 5000: "must be",
}


@pytest.mark.parametrize("text", WRONG_TEXTS)
def test_what_a_command_line_cannot_name_is_one_line(text):
    with pytest.raises(InputError) as caught:
        seeds.from_text(text)
    said = str(caught.value)
    assert said.startswith("--seeds ")
    assert WRONG_TEXTS[text] in said
    assert "\n" not in said
    assert len(said) < 400


def test_an_experiment_keeps_its_seeds_small_and_they_are_no_part_of_it():
    made = tiny(seeds=range(10**6, 10**6 + 100))
    assert made.seeds == range(10**6, 10**6 + 100)
    assert list(made.seed_numbers)[:2] == [10**6, 10**6 + 1]
    assert tiny(seeds=3).seed_numbers == range(3)
    assert made.describe() == tiny(seeds=[5, 3]).describe()
    assert made.replace(seeds=[9, 3]).seed_numbers == (3, 9)
    hash(made.seeds)


def test_the_header_says_which_seeds():
    assert "1 algorithm, 2 seeds, " in header(tiny())
    assert "1 algorithm, 2 seeds (100, 101), " in header(tiny(seeds=[101, 100]))


@pytest.mark.usefixtures("compile_once")
def test_other_seeds_are_added_and_all_are_kept(tmp_path):
    run(tiny(seeds=2), tmp_path)
    calls = Calls(lambda chunk: None)
    found = run(tiny(seeds=range(100, 102)), tmp_path, calls)
    assert calls.batches == [[("dqn", 100), ("dqn", 101)]]
    assert set(found.evaluations["seed"]) == {0, 1, 100, 101}
    # Asking for fewer than are there returns all of them, and trains nothing.
    again = run(tiny(seeds=[100]), tmp_path, calls)
    assert (calls.done, calls.batches) == (1, [])
    assert_equal(found, again)


@pytest.mark.usefixtures("compile_once")
def test_a_seed_is_the_same_run_whichever_others_there_are():
    """Up to the order of additions, which XLA chooses by the number of lanes."""

    def of(found, seed):
        rows = found.training.loc[found.training["seed"] == seed]
        return rows.drop(columns=["train_seconds", "variant", "algorithm", "family"])

    def trained(*which):
        return train(dqn(), steps=224, seeds=which, evaluations=3, games=2)

    alone, beside = trained(101), trained(3, 101, 2**31 - 1)
    np.testing.assert_allclose(
        of(alone, 101).to_numpy(float), of(beside, 101).to_numpy(float), rtol=1e-3
    )
    losses = [of(beside, seed)["loss"].iloc[-1] for seed in (3, 101, 2**31 - 1)]
    assert len(set(losses)) == 3


@pytest.mark.parametrize("kept", [None, 2, "100:110", "3,7,11", "auto"])
def test_folders_say_their_seeds_as_a_number_or_a_text(kept):
    source = {"text": TEXT, "changes": {"seeds": kept}, "set": []}
    made = made_from(source, "experiment.json", "tiny")
    wanted = {"100:110": range(100, 110), "3,7,11": (3, 7, 11)}.get(kept, range(2))
    assert made.seed_numbers == wanted


@pytest.mark.parametrize("kept", ["x", [1], True, "5:", -1])
def test_a_folder_that_names_no_seeds_is_one_line(kept):
    source = {"text": TEXT, "changes": {"seeds": kept}, "set": []}
    with pytest.raises(InputError, match="seeds"):
        made_from(source, "experiment.json", "tiny")


@pytest.mark.usefixtures("compile_once")
def test_the_lowest_seed_is_watched_unless_another_is_named(tmp_path):
    held = tiny().describe()
    run(tiny(seeds=[100, 101]), tmp_path)

    def found(seed, variant=None):
        batch, number = find_lane(tmp_path, held, variant, seed)
        return batch.lanes[number]

    assert found(None) == found(None, "dqn") == ("dqn", 100)
    assert found(101) == ("dqn", 101)
    with pytest.raises(InputError, match="with seed 0: there are seeds 100, 101"):
        found(0)


def test_the_command_trains_the_seeds_that_it_names(workplace, capsys, monkeypatch):
    asked = []
    monkeypatch.setattr(
        command_line, "train", lambda made, *rest: asked.append((made, rest)) or 0
    )
    assert main(["run", "tiny.py", "--seeds", "0:2,100:102", "--out", "out"]) == 0
    [(made, (_, source, _, again, *_))] = asked
    assert made.seed_numbers == (0, 1, 100, 101)
    assert source["changes"]["seeds"] == "0:2,100:102"
    assert again == "pgvq run tiny.py --seeds 0:2,100:102 --out out"
    assert main(["run", "tiny.py", "--seeds", "3"]) == 0
    assert asked[1][1][1]["changes"]["seeds"] == 3
