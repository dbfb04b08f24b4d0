"""Whatever the library is called with: it works, or one sentence; no other error.

pytest -m slow tests/fuzz/test_library_calls.py -n 0 -s
"""

import pytest
from fuzz.bounds import Figures, called
from fuzz.library_calls import calls

from pgvq import batch_run

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("light_compilation")]


@pytest.fixture
def nothing_is_trained(monkeypatch):
    """Runs end where they would begin to compile: all is checked by then."""
    monkeypatch.setattr(batch_run.BatchRun, "finish", lambda self: None)


@pytest.mark.usefixtures("nothing_is_trained")
def test_every_call_works_or_gets_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    figures = Figures("library calls")
    for call in calls():
        _, line, wrong = called(call.function)
        figures.add(call.kind, call.said, bool(line), wrong)
    figures.check(200)
