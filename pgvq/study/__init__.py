"""Studies: questions, each settled by a measurement."""

from pgvq.study.definition import Claim, Finding, Say, Study

__all__ = ["Claim", "Finding", "Say", "Study"]
