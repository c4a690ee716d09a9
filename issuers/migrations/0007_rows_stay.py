import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


# Each posting rewrites the rows of the cards it names: half-empty pages keep them in their place,
# and then no index of theirs is written. (The rows of before are spread as they change.)
_ROOM = "ALTER TABLE {0} SET (fillfactor = 50)"
_NO_ROOM = "ALTER TABLE {0} RESET (fillfactor)"


class Migration(migrations.Migration):

    dependencies = [
        ('issuers', '0006_debts_unsent'),
    ]

    operations = [
        pgtrigger.migrations.AddTrigger(
            model_name='card',
            trigger=pgtrigger.compiler.Trigger(name='no_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='ca7773eee9898b00f70af6b938b760590ab93205', operation='DELETE', pgid='pgtrigger_no_delete_6d539', table='issuers_card', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='credential',
            trigger=pgtrigger.compiler.Trigger(name='no_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='5c3936c48a22cfc9352e91e9e308ae08cbe9a6b9', operation='DELETE', pgid='pgtrigger_no_delete_9e02e', table='issuers_credential', when='BEFORE')),
        ),
        migrations.RunSQL(
            [_ROOM.format('issuers_account'), _ROOM.format('issuers_credential')],
            [_NO_ROOM.format('issuers_account'), _NO_ROOM.format('issuers_credential')],
        ),
    ]
