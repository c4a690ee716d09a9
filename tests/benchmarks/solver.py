"""The best combination as a model of OR-tools' CP-SAT, for E1: the same rules, whole purchases.

It reads the plain dicts of ``tests.benefits.instances`` in which only item coupons look at items,
so that every rule is linear but for its minima and its rounding. It minimises what is paid with
money and knows nothing of the ties the engine breaks: less work than the engine's.
"""

from time import perf_counter

from ortools.sat.python import cp_model

from tests.benefits.brute_force import ORDER

WHOLE = 10_000


def turns_of(instance):
    """Return the benefits in the order they apply."""
    return sorted(
        instance["benefits"],
        key=lambda each: (
            ORDER.index(each["kind"]),
            each["priority"],
            float("inf") if each["ends"] is None else each["ends"],
            each["name"],
        ),
    )


class Model:
    """One instance as a model, built before any clock runs."""

    def __init__(self, instance):
        self.model = cp_model.CpModel()
        self.whole = instance["purchase"]["amount"]
        turns = turns_of(instance)
        self.used = {each["name"]: self.model.new_bool_var(each["name"]) for each in turns}
        self._clashes(turns)
        left, to_pay = self._articles(instance["purchase"]["items"], turns), None
        for each in (each for each in turns if each["kind"] != "COUPON_ITEM"):
            if each["kind"] == "GIFT_CARD" and to_pay is None:
                to_pay = left
            left = self._whole_purchase(each, left)
        self.to_pay = left if to_pay is None else to_pay
        self.model.minimize(self.to_pay)

    def solve(self, *, limit_s):
        """Return the seconds of solving, the value, and whether it is proven."""
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.max_time_in_seconds = limit_s
        begun = perf_counter()
        status = solver.solve(self.model)
        taken_s = perf_counter() - begun
        assert status in {cp_model.OPTIMAL, cp_model.FEASIBLE}, solver.status_name(status)
        return taken_s, round(solver.objective_value), status == cp_model.OPTIMAL

    def _number(self, most, least=0):
        return self.model.new_int_var(least, most, "")

    def _clashes(self, turns):
        groups = {}
        for each in turns:
            groups.setdefault(each["group"], []).append(self.used[each["name"]])
            for other in each["excludes"]:
                self.model.add_at_most_one(self.used[each["name"]], self.used[other])
        for name, members in groups.items():
            if name:
                self.model.add_at_most_one(members)

    def _articles(self, items, turns):
        """Let item coupons take of their articles; return what is left of the purchase."""
        articles = {item["sku"]: (item["amount"], item["quantity"]) for item in items}
        left = {sku: amount for sku, (amount, _) in sorted(articles.items())}
        total = self.whole
        for each in (each for each in turns if each["kind"] == "COUPON_ITEM"):
            used = self.used[each["name"]]
            self.model.add(total >= each["min_purchase"]).only_enforce_if(used)
            total = self._coupon(each, used, articles, left, total)
        return total

    def _coupon(self, each, used, articles, left, total):
        room, cuts = each["cap"], []
        for sku in (sku for sku in left if not each["skus"] or sku in each["skus"]):
            quantity = articles[sku][1]
            units = quantity if each["units"] is None else min(each["units"], quantity)
            reached = self._number(articles[sku][0])
            self._rounded_down(reached, left[sku] * units, quantity)
            wanted = self._worth(each, reached, articles[sku][0], units)
            if room is not None:
                wanted, room = self._within(wanted, room, articles[sku][0], each["cap"])
            cut = self._number(articles[sku][0])
            self.model.add(cut == wanted).only_enforce_if(used)
            self.model.add(cut == 0).only_enforce_if(~used)
            left[sku], old = self._number(articles[sku][0]), left[sku]
            self.model.add(left[sku] == old - cut)
            cuts.append(cut)
        after = self._number(self.whole)
        self.model.add(after == total - sum(cuts))
        self.model.add(sum(cuts) >= 1).only_enforce_if(used)
        return after

    def _within(self, wanted, room, most, cap):
        cut, rest = self._number(most), self._number(cap)
        self.model.add_min_equality(cut, [wanted, room])
        self.model.add(rest == room - cut)
        return cut, rest

    def _worth(self, each, reached, most, units):
        wanted = self._number(most)
        if each["percent"]:
            self._rounded_down(wanted, reached * each["percent"], WHOLE)
        else:
            self.model.add_min_equality(wanted, [reached, each["amount"] * units])
        return wanted

    def _rounded_down(self, quotient, numerator, divisor):
        self.model.add(quotient * divisor <= numerator)
        self.model.add(numerator <= quotient * divisor + divisor - 1)

    def _whole_purchase(self, each, left):
        used = self.used[each["name"]]
        wanted, most = self._worth(each, left, self.whole, 1), self.whole
        if each["cap"] is not None:
            capped = self._number(min(most, each["cap"]))
            self.model.add_min_equality(capped, [wanted, each["cap"]])
            wanted = capped
        if each["step"] > 1:
            steps = self._number(most // each["step"])
            self._rounded_down(steps, wanted, each["step"])
            wanted = steps * each["step"]
        cut, after = self._number(most), self._number(self.whole)
        self.model.add(cut == wanted).only_enforce_if(used)
        self.model.add(cut == 0).only_enforce_if(~used)
        self.model.add(cut >= max(1, each["min_spend"])).only_enforce_if(used)
        self.model.add(left >= each["min_purchase"]).only_enforce_if(used)
        self.model.add(after == left - cut)
        return after
