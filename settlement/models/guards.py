"""References checked a statement at a time, for tables that take thousands of rows in one COPY.

A foreign key constraint looks each row up by itself and locks the row it finds, which costs more
than all else together when ten thousand rows name the same few merchants, batches and cards.
"""

import pgtrigger

from config.states import never_deleted

__all__ = ["card_of_payer", "never_deleted", "refers"]


def refers(**tables: str) -> pgtrigger.Trigger:
    """
    Return the trigger that refuses rows whose columns name nothing: ``refers(card_id="…_card")``.

    For columns with ``db_constraint=False`` on rows that are never changed, and to tables whose
    rows are never deleted. Null names nothing and passes.
    """
    # Table and column names are the models' own, never input. The new rows are read once, however
    # many columns there are to look up.
    joins = " ".join(
        f"LEFT JOIN {table} {column}_ ON {column}_.id = n.{column}"
        for column, table in sorted(tables.items())
    )
    lost = {column: f"n.{column} IS NOT NULL AND {column}_.id IS NULL" for column in sorted(tables)}
    which = " ".join(f"WHEN {is_lost} THEN '{column}'" for column, is_lost in lost.items())
    return pgtrigger.Trigger(
        name="refers",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        referencing=pgtrigger.Referencing(new="new_rows"),
        func=f"""
            DECLARE lost text;
            BEGIN
            SELECT CASE {which} END INTO lost FROM new_rows n {joins}
             WHERE {" OR ".join(lost.values())} LIMIT 1;
            IF FOUND THEN
                RAISE EXCEPTION '% of % refers to nothing', lost, TG_TABLE_NAME
                    USING ERRCODE = 'foreign_key_violation';
            END IF;
            RETURN NULL;
            END;
        """,  # noqa: S608
    )


def card_of_payer() -> pgtrigger.Trigger:
    """
    Return the trigger that refuses a card which a payment gets later and which is not there.

    Where a phone holds the claim, the card must be of the phone's owner.
    """
    return pgtrigger.Trigger(
        name="card_of_payer",
        when=pgtrigger.After,
        operation=pgtrigger.UpdateOf("card_id"),
        condition=pgtrigger.Q(new__card__isnull=False)
        & pgtrigger.Q(old__card__df=pgtrigger.F("new__card")),
        func="""
            DECLARE
                card_holder text;
                payer text;
            BEGIN
            SELECT a.holder INTO card_holder
              FROM issuers_card c JOIN issuers_account a ON a.id = c.account_id
             WHERE c.id = NEW.card_id;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'card_id of % refers to nothing', TG_TABLE_NAME
                    USING ERRCODE = 'foreign_key_violation';
            END IF;
            SELECT d.owner INTO payer
              FROM settlement_paymentrequest r JOIN config_device d ON d.id = r.claimed_by_id
             WHERE r.payment_id = NEW.id;
            IF payer <> card_holder THEN
                RAISE EXCEPTION 'the card of payment % is not its payer''s', NEW.id
                    USING ERRCODE = 'check_violation';
            END IF;
            RETURN NULL;
            END;
        """,
    )
