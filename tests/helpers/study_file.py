"""The text of a file that defines a small study."""

FILE = '''
from pgvq.study import Claim, Finding, Study
from pgvq.plotting.panels import Curve, Panel, panels
import pandas as pd

def measure(say):
    say("half of it")
    table = pd.DataFrame({"step": [0, 1], "coin": ["head", "tail"]})
    return Finding(
        numbers={"answer": -41.5},
        tables={"tosses": table},
        expectations={"It is positive.": False, "It is a number.": True},
    )

def draw(finding, folder):
    table = finding.tables["tosses"]
    curve = Curve("a curve", table.step, table.step)
    part = Panel("title", "x", "y", [curve])
    return panels(folder / "drawn", "why?", "what", [part], "caption")

TEXT = """
It is <<answer:+.1f>>.

<<table:tosses>>

<<figure:drawn|a line that rises>>

<<expectations>>
"""
claims = [
    Claim(name=name, title=name.title(), measure=measure, draw=draw, text=TEXT)
    for name in ("first", "second")
]
study = Study(name="tiny", title="Why?", claims=claims, introduction="Because.")
'''
