"""The claims of the studies in `experiments/`: one file each, or two for a large one.

A claim is measured, drawn and worded here; `pgvq.study` says what one is.
"""
