"""What the README and the docs say of results is what the results say."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import pages  # noqa: E402

PAGES = {path.relative_to(ROOT).as_posix(): path for path in pages.all_pages()}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_what_the_results_say(name):
    text = PAGES[name].read_text(encoding="utf-8")
    assert text == pages.filled(text), "run `python scripts/write_pages.py`"


def test_a_wrong_number_in_a_block_is_seen():
    text = "<!-- from results: headline table -->\n| 1 |\n<!-- end -->\n"
    assert "| DQN |" in pages.filled(text)
    with pytest.raises(KeyError):
        pages.filled("<!-- from results: no such block -->\n<!-- end -->\n")


@pytest.mark.parametrize("name", PAGES)
def test_every_block_is_closed(name):
    text = PAGES[name].read_text(encoding="utf-8")
    opened = text.count("<!-- from results: ")
    assert opened == text.count("<!-- end -->") == len(pages._BLOCK.findall(text))
