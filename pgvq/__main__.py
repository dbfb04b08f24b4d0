"""`python -m pgvq`, the same as `pgvq`."""

from pgvq.cli import program

program()
