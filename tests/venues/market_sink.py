"""A MarketSink for tests: what a reader would see now, and everything that was told."""

from collections import Counter


class Shown:
    """`books`: symbol -> (bids, asks), None while lost."""

    def __init__(self):
        self.books = {}
        self.lost = Counter()
        self.reasons = []
        self.trades = []
        self.marks = {}
        self.rates = {}

    def book(self, instrument, bids, asks, *, sequence=0, venue_time_ns=0):
        assert len(bids) <= 20 and len(asks) <= 20
        self.books[instrument] = ([tuple(each) for each in bids], [tuple(each) for each in asks])

    def book_lost(self, instrument, reason):
        assert reason
        self.lost[instrument] += self.books.get(instrument) is not None
        self.reasons.append(reason)
        self.books[instrument] = None

    def traded(self, instrument, price, quantity, *, side="", trade_id="", venue_time_ns=0):
        self.trades.append((instrument, price, quantity, side, trade_id))

    def marked(self, instrument, price, *, venue_time_ns=0):
        self.marks[instrument] = price

    def funding_rate(self, instrument, rate, next_ns, *, venue_time_ns=0):
        self.rates[instrument] = (rate, next_ns)
