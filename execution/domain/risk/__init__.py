"""Pre-trade checks: every order, from a signal or from a person, passes through all of them.

Each rule answers with its numbers; all are recorded and the first failure, in the order of `Code`,
names the refusal. Working orders count at their worst case. A missing figure never passes.
Keep out: how large an order should be (sizing.py) and what to do after a refusal (engine.py).
"""

from execution.domain.risk.book import Book, Holding, worst_price
from execution.domain.risk.codes import Code
from execution.domain.risk.evaluation import evaluate, refusal
from execution.domain.risk.exposure import reached

__all__ = ["Book", "Code", "Holding", "evaluate", "reached", "refusal", "worst_price"]
