"""Writes the blocks of the README and the docs that come from committed results.

    python scripts/write_pages.py            # writes what differs, and says which pages
    python scripts/write_pages.py --check    # says it; status 1 if anything differs

A block stands between `<!-- from results: NAME -->` and `<!-- end -->`, and
`pages.BLOCKS[NAME]` makes its text. Run this after results were measured again; a test
fails while a page says anything else than the results do.
"""

import argparse
import sys

from pages import ROOT, outdated


def main() -> int:
    """Returns 0, or 1 with `--check` if a page differs from the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    found = outdated()
    for path, text in found.items():
        print(f"{path.relative_to(ROOT)} {'differs' if check else 'is written'}")
        if not check:
            path.write_text(text, encoding="utf-8")
    return int(check and bool(found))


if __name__ == "__main__":
    sys.exit(main())
