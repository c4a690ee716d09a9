"""The best combination by trying all of them: written apart from the engine, sharing none of it.

It reads the plain dicts of ``instances``. Every benefit is used or not, in the order of their
turns, and what is left goes from one to the next; nothing is given up for being worth too little.
"""

ORDER = (
    *("COUPON_ITEM", "COUPON_PERCENT", "COUPON_FIXED", "GRADE"),
    *("CARD_DISCOUNT", "STAMP", "POINTS", "GIFT_CARD"),
)


def best(instance, *, every=False):
    """Return ``(paid with money, left before points, remainder, how many)`` and the names used.

    A combination in which two clash, or one takes nothing, is not rated. It is walked to all the
    same when ``every``; else whatever holds such two is left out.
    """
    turns = sorted(
        instance["benefits"],
        key=lambda each: (ORDER.index(each["kind"]), each["priority"], _end(each), each["name"]),
    )
    tried = _Tried(instance["purchase"], turns, every=every)
    tried.go(0, tried.start, (), 0, 0)
    return tried.best[0][:4], frozenset(each["name"] for each in tried.best[1])


def _end(each):
    return float("inf") if each["ends"] is None else each["ends"]


class _Tried:
    def __init__(self, purchase, turns, *, every):
        self.turns = turns
        self.every = every
        self.best = None
        articles = {}
        for item in purchase["items"]:
            amount, quantity = articles.get(item["sku"], (0, 0))
            articles[item["sku"]] = (amount + item["amount"], quantity + item["quantity"])
        self.skus = sorted(articles)
        self.quantities = [articles[sku][1] for sku in self.skus]
        named = [articles[sku][0] for sku in self.skus]
        self.start = [*named, purchase["amount"] - sum(named)]
        self.reach = [self._reach(each) for each in turns]
        self.foes = [
            frozenset(at for at, other in enumerate(turns) if at != my and _foes(each, other))
            for my, each in enumerate(turns)
        ]
        by_end = sorted(range(len(turns)), key=lambda at: (_end(turns[at]), at))
        self.place = {at: place for place, at in enumerate(by_end)}

    def _reach(self, each):
        named = [at for at, sku in enumerate(self.skus) if not each["skus"] or sku in each["skus"]]
        if each["kind"] == "COUPON_ITEM" or each["skus"]:
            return named
        return list(range(len(self.start)))

    def go(self, at, left, used, points, gifts):
        """Try all from a turn on; ``left`` is None where the combination is not rated."""
        if at == len(self.turns):
            if left is not None:
                self.judge(left, used, points, gifts)
            return
        self.go(at + 1, left, used, points, gifts)
        after = None if left is None else self.used(at, left, used)
        if after is None:
            if self.every:
                self.go(at + 1, None, used, points, gifts)
            return
        cut, kind = sum(left) - sum(after), self.turns[at]["kind"]
        points += cut if kind == "POINTS" else 0
        gifts += cut if kind == "GIFT_CARD" else 0
        self.go(at + 1, after, (*used, at), points, gifts)

    def used(self, at, left, used):
        """Return what the benefit of a turn leaves; None where it cannot be used."""
        each = self.turns[at]
        if sum(left) < each["min_purchase"] or not self.foes[at].isdisjoint(used):
            return None
        after = self.after(each, self.reach[at], left)
        return after if after != left else None

    def judge(self, left, used, points, gifts):
        remainder = sum(left)
        places = sorted(self.place[at] for at in used)
        figures = (remainder + gifts, remainder + gifts + points, remainder, len(used), places)
        if self.best is None or figures < self.best[0]:
            self.best = (figures, [self.turns[at] for at in used])

    def after(self, each, reach, left):
        if each["kind"] == "COUPON_ITEM":
            return self._article_by_article(each, reach, left)
        base = sum(left[at] for at in reach)
        cut = base * each["percent"] // 10_000 if each["percent"] else min(base, each["amount"])
        if each["cap"] is not None:
            cut = min(cut, each["cap"])
        cut = cut // each["step"] * each["step"]
        if cut < each["min_spend"]:
            return left
        after, met, borne = list(left), 0, 0
        for at in reach:
            met += left[at]
            upto = cut * met // base if base else 0
            after[at] -= upto - borne
            borne = upto
        return after

    def _article_by_article(self, each, reach, left):
        after = list(left)
        room = sum(left) if each["cap"] is None else each["cap"]
        for at in reach:
            quantity = self.quantities[at]
            units = quantity if each["units"] is None else min(each["units"], quantity)
            reached = left[at] * units // quantity
            if each["percent"]:
                cut = reached * each["percent"] // 10_000
            else:
                cut = min(reached, each["amount"] * units)
            cut = min(cut, room)
            after[at] -= cut
            room -= cut
        return after


def _foes(one, other):
    if one["group"] and one["group"] == other["group"]:
        return True
    return other["name"] in one["excludes"] or one["name"] in other["excludes"]
