"""Orders against records: a simulated venue with matching, ledger, risk and signals, and the engine in front of it.

Knows records, not where they come from: a live session, a tape and a list of records are the same to it.
"""

from wsexample.paper.engine import PaperTradingEngine
from wsexample.paper.instruments import Instrument
from wsexample.paper.matching import Fees, Fills
from wsexample.paper.performance import Performance
from wsexample.paper.risk import Limits

__all__ = ["Fees", "Fills", "Instrument", "Limits", "PaperTradingEngine", "Performance"]
