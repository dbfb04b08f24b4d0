"""`pgvq tune`: the command line around a search, which is not trained here."""

import pytest

from pgvq.cli import main
from pgvq.tuning import check_equal, chosen
from pgvq.tuning.ledger import read
from tests.helpers.fake_tuning import tuning

TEXT = """from pgvq import DQN, PPO
from pgvq.tuning import Tuning

tuning = Tuning(
    name="mine", learners=[PPO(), DQN()], steps=1e5, trials=4, seeds=2, round_size=2,
    finalists=1, final_seeds=2,
)
"""


@pytest.fixture
def file(workplace):
    (workplace / "mine.py").write_text(TEXT)
    return "mine.py"


def words(capsys) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_a_file_is_searched_and_goes_on(file, untrained, workplace, capsys):
    assert main(["tune", file]) == 0
    said = words(capsys)
    folder = workplace / "results" / "tuning" / "mine"
    assert f"equal effort: {check_equal(folder)}" in said
    assert "pgvq plot results/tuning/mine" in said
    assert set(chosen(folder)) == {"ppo", "dqn"}
    calls = len(untrained.calls)
    assert main(["tune", file]) == 0
    assert len(untrained.calls) == calls


def test_options_change_the_tuning(file, untrained, workplace, capsys):
    options = ["--trials", "3", "--steps", "2e5", "--seeds", "50:53", "--out", "other"]
    assert main(["tune", file, *options, "--only", "dqn"]) == 0
    found = read(workplace / "other")
    assert set(found.learner) == {"dqn"}
    search = found[found.stage == "search"]
    assert set(search.seed) == {50, 51, 52}
    assert set(search.trial) == {0, 1, 2}
    assert found.agent_steps.min() >= 2e5
    assert "not finished: ppo (dqn 11 runs so far)" in words(capsys)


def test_ctrl_c_says_how_to_go_on(file, untrained, capsys):
    untrained.stop_after = 1
    assert main(["tune", file, "--trials", "5"]) == 130
    assert "pgvq tune mine.py --trials 5" in words(capsys)


def test_several_tunings_have_a_folder_each(workplace, untrained):
    text = TEXT + 'tunings = [tuning, tuning.replace(name="two", steps=2e5)]\n'
    (workplace / "both.py").write_text(text)
    assert main(["tune", "both.py", "--out", "all"]) == 0
    assert {path.name for path in (workplace / "all").iterdir()} == {"mine", "two"}
    assert main(["tune", "both.py", "--only", "two"]) == 0
    folder = workplace / "results" / "tuning" / "both"
    assert {path.name for path in folder.iterdir()} == {"two"}
    assert set(chosen(folder / "two")) == {"ppo", "dqn"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "sac"], "it has ppo, dqn"),
        (["--trials", "0"], "trials=0 must be a whole number"),
        (["--trials", "many"], "must be a whole number"),
        (["--seeds", "a:b"], "a range such as 100:110"),
        (["--seeds", "5:5"], "is empty"),
        (["--steps", "10"], "first update"),
        (["--games", "3"], "has no option --games"),
    ],
)
def test_a_wrong_option_is_one_line(file, arguments, said, capsys):
    assert main(["tune", file, *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\n", "add `tuning = Tuning(...)`"),
        ("tuning = 3\n", "is of type int; make it `tuning = Tuning(...)`"),
        ("tunings = []\n", "must be a list of tunings"),
        (TEXT.replace("tuning = ", "mine = "), "rename 'mine' to 'tuning'"),
        (TEXT + "tunings = [tuning, tuning]\n", "have one name"),
        (TEXT.replace("trials=4", "sampler='grid'"), "auto, tpe, random"),
    ],
)
def test_a_wrong_file_is_one_line(workplace, text, said, capsys):
    (workplace / "wrong.py").write_text(text)
    assert main(["tune", "wrong.py"]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_help_teaches_by_an_example(capsys):
    assert main(["tune", "--help"]) == 0
    said = words(capsys)
    assert "tuning = Tuning(name=" in said
    assert "pgvq tune experiments/tune_pong.py" in said


def test_list_shows_what_is_searched(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    assert main(["list", "dqn"]) == 0
    said = words(capsys)
    assert "0.0001 to 0.01, log" in said
    assert "100, 250, 1000" in said
    assert tuning().spaces["dqn"].choices["target_period"] == (100, 250, 1000)
