import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations

from config.migrations import _monthly


def by_month(apps, schema_editor):
    for table in ("merchants_webhookdelivery", "merchants_webhookattempt"):
        _monthly.split(schema_editor, table=table)


class Migration(migrations.Migration):

    dependencies = [
        ('config', '0002_month_partitions'),
        ('merchants', '0006_webhooks'),
    ]

    operations = [
        migrations.RunPython(by_month),
        pgtrigger.migrations.AddTrigger(
            model_name='webhookattempt',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='d6ba68fb786c4937cf0e2e3378c488af4b09e657', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_5cfda', table='merchants_webhookattempt', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='webhookattempt',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME USING ERRCODE = 'check_violation';\n    ", hash='b831ca140ddfae2e45e514a5118c270de4c7f9af', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_ee09a', table='merchants_webhookattempt', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='webhookdelivery',
            trigger=pgtrigger.compiler.Trigger(name='no_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='c040a5636cd55bceafdd0c31e39a492a4312bac1', operation='DELETE', pgid='pgtrigger_no_delete_cdc96', table='merchants_webhookdelivery', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='webhookdelivery',
            trigger=pgtrigger.compiler.Trigger(name='fixed_facts', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."endpoint_id" IS DISTINCT FROM (NEW."endpoint_id") OR OLD."webhook_id" IS DISTINCT FROM (NEW."webhook_id") OR OLD."seq" IS DISTINCT FROM (NEW."seq") OR OLD."type" IS DISTINCT FROM (NEW."type") OR OLD."at" IS DISTINCT FROM (NEW."at") OR OLD."body" IS DISTINCT FROM (NEW."body"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='271a6b4228197e31ec55eb023ba1a434020f592d', operation='UPDATE', pgid='pgtrigger_fixed_facts_09e50', table='merchants_webhookdelivery', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='webhookdelivery',
            trigger=pgtrigger.compiler.Trigger(name='state_guard', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."state" IS DISTINCT FROM (NEW."state"))', func="\n            IF (OLD.state = 'DELIVERED' AND NEW.state = 'PENDING') OR (OLD.state = 'FAILED' AND NEW.state = 'PENDING') OR (OLD.state = 'PENDING' AND NEW.state = 'DELIVERED') OR (OLD.state = 'PENDING' AND NEW.state = 'DROPPED') OR (OLD.state = 'PENDING' AND NEW.state = 'FAILED') THEN RETURN NEW; END IF;\n            RAISE EXCEPTION 'transition from % to % is not allowed on %',\n                OLD.state, NEW.state, TG_TABLE_NAME\n                USING ERRCODE = 'check_violation';\n        ", hash='456b3e28dad9c78527a28e389e1d702069e57cde', operation='UPDATE OF "state"', pgid='pgtrigger_state_guard_a6537', table='merchants_webhookdelivery', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='webhookdelivery',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME USING ERRCODE = 'check_violation';\n    ", hash='a69a95dd61f0f298859dc46e987dc649b228c899', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_6988a', table='merchants_webhookdelivery', when='BEFORE')),
        ),
    ]
