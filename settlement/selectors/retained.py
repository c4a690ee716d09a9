"""Which months of the download log may still decide who bears a loss (protocol §5)."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection


def downloads_needed(*, first: datetime, until: datetime, at: datetime) -> str:
    """
    Return why the downloads from ``first`` until before ``until`` must stay at ``at``, "" if not.

    A download counts for a tap when it is the reader's newest at the time of the tap. So a month
    stays while it has that one for a tap under an open dispute or exception, or for one that may
    yet be disputed (``DISPUTE_DAYS``) at a reader that has uploaded since.
    """
    disputable = at - timedelta(days=settings.DISPUTE_DAYS)
    if until > disputable:
        return "taps of that time may still be disputed"
    for why, question, since in (
        ("an open dispute", _OPEN_DISPUTE, first),
        ("an open exception", _OPEN_EXCEPTION, first),
        ("a reader that has had no list since", _IN_USE, disputable),
    ):
        with connection.cursor() as cursor:
            told = {"first": first, "until": until, "since": since}
            cursor.execute(f"SELECT EXISTS ({question.format(newest=_NEWEST)})", told)
            if cursor.fetchone()[0]:
                return why
    return ""


# Whether the newest download at or before ``tap.at`` lies in the month.
_NEWEST = """
EXISTS (SELECT FROM issuers_blacklistdownload d
         WHERE d.device_id = tap.device_id AND d.issuer_id = tap.issuer_id
           AND d.at >= %(first)s AND d.at < %(until)s AND d.at <= tap.at)
AND NOT EXISTS (SELECT FROM issuers_blacklistdownload later
                 WHERE later.device_id = tap.device_id AND later.issuer_id = tap.issuer_id
                   AND later.at >= %(until)s AND later.at <= tap.at)
"""
_OPEN_DISPUTE = """
SELECT FROM (SELECT b.device_id, c.issuer_id, coalesce(r.tapped_at, b.created_at) AS at
               FROM settlement_dispute x
               JOIN settlement_batchrecord r ON r.id = x.record_id
               JOIN settlement_batch b ON b.id = r.batch_id
               JOIN issuers_card c ON c.id = x.card_id
              WHERE x.closed_at IS NULL) tap
 WHERE tap.at >= %(since)s AND {newest}
"""
_OPEN_EXCEPTION = """
SELECT FROM (SELECT p.device_id, c.issuer_id, p.created_at AS at
               FROM settlement_exceptionitem x
               JOIN settlement_payment p ON p.id = x.payment_id
               JOIN issuers_card c ON c.id = p.card_id
              WHERE x.resolved_at IS NULL) tap
 WHERE tap.at >= %(since)s AND {newest}
"""
# Whoever had no list since the month, and none before the taps that count began, is asked by it.
_IN_USE = """
SELECT FROM (SELECT DISTINCT device_id, issuer_id, %(since)s::timestamptz AS at
               FROM issuers_blacklistdownload WHERE at >= %(first)s AND at < %(until)s) tap
 WHERE {newest} AND EXISTS (SELECT FROM settlement_batch b
                             WHERE b.device_id = tap.device_id AND b.received_at >= %(since)s)
"""
