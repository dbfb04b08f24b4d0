"""Tuning: the search for each learner's configuration, with equal effort for all.

`Tuning` says what is searched, `tune` carries it out, `check_equal` asserts from the
ledger that learners had equal budgets, `chosen` and `tuned` give what was found to an
experiment.
"""

from pgvq.tuning.definition import Tuning
from pgvq.tuning.folder import chosen, tuned
from pgvq.tuning.ledger import check_equal
from pgvq.tuning.search import Outcome, tune

__all__ = ["Outcome", "Tuning", "check_equal", "chosen", "tune", "tuned"]
