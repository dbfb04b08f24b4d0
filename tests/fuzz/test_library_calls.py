"""Whatever the library is called with: it works, or one sentence; no other error.

pytest -m slow tests/fuzz/test_library_calls.py -n 0 -s
"""

import pytest

from pgvq.running import session
from tests.helpers.fuzz.bounds import Figures, called
from tests.helpers.fuzz.library_calls import calls

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("light_compilation")]


class Begins(Exception):
    """A run is about to compile its first program: all is checked by then."""


@pytest.fixture
def nothing_is_trained(monkeypatch):
    def begin(self):
        raise Begins

    monkeypatch.setattr(session.LaneTraining, "finish", begin)


def tried(function):
    """What a call returns; None where it would begin to train."""
    try:
        return function()
    except Begins:
        return None


@pytest.mark.usefixtures("nothing_is_trained")
def test_every_call_works_or_gets_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    figures = Figures("library calls")
    for call in calls():
        _, line, wrong = called(lambda function=call.function: tried(function))
        figures.add(call.kind, call.said, bool(line), wrong)
    figures.check(200)
