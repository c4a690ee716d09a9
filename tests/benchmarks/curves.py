"""``./paydesk bench curves``, as Markdown tables.

List sizes, status queries by open T-IDs, approvals by clients, posting rates.
"""

import statistics
import sys

from issuers.wire import skips
from settlement.services import ledger
from tests.benchmarks import approving, files, notified, numbers
from tests.benchmarks.books import Books
from tests.benchmarks.contract import alternate
from tests.benchmarks.past import fill
from tests.benchmarks.peer import NAME, Peer

_FAULTS = []
_JOINED = (100, 1_000, 10_000, 100_000)
_PAYMENTS = (100_000, 500_000, 1_000_000, 2_000_000, 5_000_000)
_SHARES = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5)
_SHORT_JOINED, _SHORT_PAYMENTS = (20, 40), (400, 800)
_TIDS, _TIDS_SHORT = (10_000, 100_000, 1_000_000), (100, 200)
_QUERIES, _QUERIES_SHORT = 100_000, 500
_TILLS, _CARDS, _IN_POSTING = 20, 5_000, 10_000
_TRANSFERS = 200
_MOST_UPLOADED = 1_000  # records in one batch; more of them come as more batches of each reader


def run(*, rounds, short, most=None, only):
    """Yield each table of ``only`` as soon as it is measured; ``most``: the largest size, payments.

    The size of the lists comes first, then queries by open T-IDs, then approvals by clients, then
    the rate of posting by table size, then that by joined size, at the largest table.
    """
    if "lists" in only:
        yield lists(cards=numbers.CARDS_SHORT if short else numbers.CARDS) + "\n"
    if "queries" in only:
        tids, queries = (_TIDS_SHORT, _QUERIES_SHORT) if short else (_TIDS, _QUERIES)
        yield notified.curve(sizes=tids, rounds=rounds, queries=queries) + "\n"
    if "approvals" in only:
        table, wrong = approving.curve(rounds=rounds, short=short)
        _FAULTS.extend(wrong)
        yield table + "\n"
    if "posting" in only:
        yield from _postings(rounds=rounds, short=short, most=most)


def _postings(*, rounds, short, most):
    joined, sizes = (_SHORT_JOINED, _SHORT_PAYMENTS) if short else (_JOINED, _PAYMENTS)
    sizes = [size for size in sizes if size <= (most or sizes[-1])]
    cards, posting = (40, 20) if short else (_CARDS, _IN_POSTING)
    books = Books(tills=_TILLS, records=1, cards=cards, payments=sizes[0], indexes_last=True)
    peer = Peer()
    books.post_joined()
    peer.post(_TRANSFERS)
    by_size, held = [], books.payments
    for size in sizes:
        if size > held:
            held += fill(
                tills=books.tills, cards=books.cards, payments=size - held, indexes_last=True
            )
        by_size.append((held, *_rates(books, peer, posting, rounds)))
        _progress(by_size[-1])
    yield _table("payments held before", by_size, f"{posting:,} records joined") + "\n"
    by_joined = []
    for count in joined:
        by_joined.append((count, *_rates(books, peer, count, rounds)))
        _progress(by_joined[-1])
    yield _table("records joined", by_joined, f"at {held:,} payments held before") + "\n"


def faults():
    """Return what was wrong with the approvals, and with the ledger of all that was written."""
    return [*_FAULTS, *ledger.check()]


def _progress(row):
    sys.stderr.write(_row(row, " ") + "\n")


def lists(*, cards):
    """Return how large a signed full list of a share of ``cards`` is, and a reader's copy of it."""
    heads = "| share blocked | listed | file, bytes | bits each | / bound | in memory / bound |"
    lines = [heads, "|---:|---:|---:|---:|---:|---:|"]
    for share in _SHARES:
        count = int(share * cards)
        drawn = numbers.draw(cards=cards, count=count)
        size, bound = len(files.full(drawn.listed)), drawn.bound_bits
        memory = 8 * skips.index(drawn.listed).size_bytes / bound
        lines.append(
            f"| {share:.1%} | {count:,} | {size:,} | {8 * size / count:.2f} |"
            f" {8 * size / bound:.3f} | {memory:.3f} |"
        )
    return "\n".join(lines) + f"\n\n(of {cards:,} cards, drawn at random)\n"


def _rates(books, peer, count, rounds):
    """Post ``count`` joined, alternated with the peer of A1, whose rate tells how busy it was."""
    each = max(1, count // len(books.tills))
    uploads = -(-each // _MOST_UPLOADED)
    books.records = each // uploads
    books.joined = books.records * uploads * len(books.tills)
    measured = alternate(
        rounds=rounds,
        ours=lambda: books.post_joined(uploads=uploads).records_per_s,
        peer=lambda: peer.post(_TRANSFERS),
    )
    rates = [ours for ours, _ in measured]
    ratio = statistics.median(ours / theirs for ours, theirs in measured)
    return statistics.median(rates), min(rates), max(rates), ratio


def _table(what, rows, told):
    lines = [f"| {what} | posted a second | from | to | / peer |", "|---:|---:|---:|---:|---:|"]
    lines += [f"| {_row(row, ' | ')} |" for row in rows]
    return "\n".join(lines) + f"\n\n({told}; peer: {NAME})\n"


def _row(row, between):
    *figures, ratio = row
    return between.join([*(f"{figure:,.0f}" for figure in figures), f"{ratio:.1f}"])
