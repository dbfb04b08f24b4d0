"""The doctor: does an algorithm keep the contract, and which known faults has it?"""

from pgvq.doctor.checks import CHECKS
from pgvq.doctor.examination import examine
from pgvq.doctor.report import Check, Finding, Report, chosen

__all__ = ["CHECKS", "Check", "Finding", "Report", "chosen", "examine"]
