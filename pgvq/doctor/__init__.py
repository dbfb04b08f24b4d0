"""The doctor: does an algorithm keep the contract, and which known faults has it?"""

from pgvq.doctor.checks import CHECKS
from pgvq.doctor.environment import examine_environment
from pgvq.doctor.environment_checks import CHECKS as ENVIRONMENT_CHECKS
from pgvq.doctor.examination import examine
from pgvq.doctor.report import Check, Finding, Report, chosen

__all__ = [
    "CHECKS",
    "ENVIRONMENT_CHECKS",
    "Check",
    "Finding",
    "Report",
    "chosen",
    "examine",
    "examine_environment",
]
