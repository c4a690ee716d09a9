"""What the database itself holds of event numbers: given once, without gap or twin, for ever.

A unique index reaches no further than one month partition, and a dropped month takes its index
along. Hence the rule that outlives both: numbering a scope's events is taking the numbers that
follow its head, and the statement that numbers moves the head.
"""

import pgtrigger


def born_without() -> pgtrigger.Trigger:
    """Return the trigger that refuses an INSERT with a number: numbers come after commit."""
    return pgtrigger.Trigger(
        name="born_without",
        when=pgtrigger.After,  # before, it would cost COPY its inserting by the block
        operation=pgtrigger.Insert,
        condition=pgtrigger.Q(new__seq__isnull=False),
        func="""
            RAISE EXCEPTION 'an event is numbered after it is committed'
                USING ERRCODE = 'check_violation';
        """,
    )


def numbered_once() -> pgtrigger.Trigger:
    """Return the trigger that refuses every UPDATE but the one that gives the number."""
    return pgtrigger.Trigger(
        name="numbered_once",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        func="""
            IF OLD.seq IS NULL AND NEW.seq IS NOT NULL
               AND (OLD.id, OLD.scope, OLD.type, OLD.subject, OLD.at, OLD.body)
                   IS NOT DISTINCT FROM
                   (NEW.id, NEW.scope, NEW.type, NEW.subject, NEW.at, NEW.body)
            THEN RETURN NEW; END IF;
            RAISE EXCEPTION 'an event is append-only' USING ERRCODE = 'check_violation';
        """,
    )


def takes_next_numbers() -> pgtrigger.Trigger:
    """Return the trigger by which a statement that numbers moves the heads, or fails.

    In each scope the new numbers must be exactly head + 1, head + 2, …; checked once per statement,
    whatever the count. Two at once wait for each other at the head's row, and the second fails.
    """
    return pgtrigger.Trigger(
        name="takes_next_numbers",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Update,
        referencing=pgtrigger.Referencing(new="numbered"),
        func="""
            DECLARE scopes bigint; moved bigint;
            BEGIN
            INSERT INTO config_eventhead (scope, seq)
                SELECT DISTINCT scope, 0 FROM numbered ORDER BY scope ON CONFLICT DO NOTHING;
            SELECT count(DISTINCT scope) INTO scopes FROM numbered;
            UPDATE config_eventhead h SET seq = given.last
              FROM (SELECT scope, min(seq) AS first, max(seq) AS last, count(*) AS events,
                           count(DISTINCT seq) AS numbers FROM numbered GROUP BY scope) given
             WHERE h.scope = given.scope AND h.seq = given.first - 1
               AND given.last - h.seq = given.events AND given.events = given.numbers;
            GET DIAGNOSTICS moved = ROW_COUNT;
            IF moved <> scopes THEN
                RAISE EXCEPTION 'event numbers do not follow the head of their scope'
                    USING ERRCODE = 'unique_violation';
            END IF;
            RETURN NULL;
            END;
        """,
    )


def head_follows() -> pgtrigger.Trigger:
    """Return the trigger that lets only another trigger move a head: the one above."""
    return pgtrigger.Trigger(
        name="head_follows",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.UpdateOf("scope", "seq"),
        func="""
            IF pg_trigger_depth() > 1 AND (TG_OP = 'INSERT' OR NEW.seq >= OLD.seq)
            THEN RETURN NEW; END IF;
            RAISE EXCEPTION 'only numbering events moves a head'
                USING ERRCODE = 'check_violation';
        """,
    )
