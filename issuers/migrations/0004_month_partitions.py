import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations

from config.migrations import _monthly


def downloads_by_month(apps, schema_editor):
    _monthly.split(schema_editor, table="issuers_blacklistdownload")


class Migration(migrations.Migration):

    dependencies = [
        ('config', '0002_month_partitions'),
        ('issuers', '0003_authorisations'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='blacklistdownload',
            name='append_only',
        ),
        migrations.RunPython(downloads_by_month),
        pgtrigger.migrations.AddTrigger(
            model_name='blacklistdownload',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='c7c0d681cd667e19dc692fe2faeab80e54ec0064', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_a9a71', table='issuers_blacklistdownload', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='account',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(pgid='pgtrigger_no_truncate_55d51', func="\n        RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME USING ERRCODE = 'check_violation';\n    ", table='issuers_account', when='BEFORE', operation='TRUNCATE', level='STATEMENT', hash='185b6bdbd5a4c55d3dfb7eb48d94d26733395bb3')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='authorisation',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(pgid='pgtrigger_no_truncate_81af5', func="\n        RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME USING ERRCODE = 'check_violation';\n    ", table='issuers_authorisation', when='BEFORE', operation='TRUNCATE', level='STATEMENT', hash='6ab0117ff5db0835462ccd264604bc4933bc7f8f')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='blacklistdownload',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(pgid='pgtrigger_no_truncate_15187', func="\n        RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME USING ERRCODE = 'check_violation';\n    ", table='issuers_blacklistdownload', when='BEFORE', operation='TRUNCATE', level='STATEMENT', hash='ebd74a3ede121f8a2e773b8d6822996ea29766fc')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='blacklistfile',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(pgid='pgtrigger_no_truncate_bb104', func="\n        RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME USING ERRCODE = 'check_violation';\n    ", table='issuers_blacklistfile', when='BEFORE', operation='TRUNCATE', level='STATEMENT', hash='9d07665f868a3382ae62369b4ed732a47dfd53cf')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='blacklistversion',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(pgid='pgtrigger_no_truncate_b69e1', func="\n        RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME USING ERRCODE = 'check_violation';\n    ", table='issuers_blacklistversion', when='BEFORE', operation='TRUNCATE', level='STATEMENT', hash='43cf2ab0b2866fce49a73f59598ba2f8c5b24e8d')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='card',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(pgid='pgtrigger_no_truncate_c0f3b', func="\n        RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME USING ERRCODE = 'check_violation';\n    ", table='issuers_card', when='BEFORE', operation='TRUNCATE', level='STATEMENT', hash='76a5282ebafc7028f32dc6b8d874a9ab2cce9dc2')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='credential',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(pgid='pgtrigger_no_truncate_1eeee', func="\n        RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME USING ERRCODE = 'check_violation';\n    ", table='issuers_credential', when='BEFORE', operation='TRUNCATE', level='STATEMENT', hash='7360df0ad9a712253ac11fc1f45d945178641dac')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='hold',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(pgid='pgtrigger_no_truncate_e1769', func="\n        RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME USING ERRCODE = 'check_violation';\n    ", table='issuers_hold', when='BEFORE', operation='TRUNCATE', level='STATEMENT', hash='3d411d1b61d1f31619dd49c5278edf5638ea2805')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='otacommand',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(pgid='pgtrigger_no_truncate_c94bf', func="\n        RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME USING ERRCODE = 'check_violation';\n    ", table='issuers_otacommand', when='BEFORE', operation='TRUNCATE', level='STATEMENT', hash='f3d518136f4b87129b28a890c7268e558ed2ce0d')),
        ),
    ]
