import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('config', '0002_month_partitions'),
        ('settlement', '0003_payouts_and_decisions'),
    ]

    operations = [
        pgtrigger.migrations.AddTrigger(
            model_name='atcseen',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(pgid='pgtrigger_no_truncate_e1b81', func="\n        RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME USING ERRCODE = 'check_violation';\n    ", table='settlement_atcseen', when='BEFORE', operation='TRUNCATE', level='STATEMENT', hash='84abc84846b01beefe9c34c5ca23f2a4046ebd1e')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='batch',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(pgid='pgtrigger_no_truncate_e5baa', func="\n        RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME USING ERRCODE = 'check_violation';\n    ", table='settlement_batch', when='BEFORE', operation='TRUNCATE', level='STATEMENT', hash='d3c34b9d5c7a07f3e5a10188f6c1c0131afc46d0')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='batchrecord',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(pgid='pgtrigger_no_truncate_46e2d', func="\n        RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME USING ERRCODE = 'check_violation';\n    ", table='settlement_batchrecord', when='BEFORE', operation='TRUNCATE', level='STATEMENT', hash='a853cfd4665af0be213ae025d313d34ae4982e51')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='ledgeraccount',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(pgid='pgtrigger_no_truncate_0ffe4', func="\n        RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME USING ERRCODE = 'check_violation';\n    ", table='settlement_ledgeraccount', when='BEFORE', operation='TRUNCATE', level='STATEMENT', hash='0af15e05cbf8cce7fdba44950338ba27e7dcdd61')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='payment',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(pgid='pgtrigger_no_truncate_c8a87', func="\n        RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME USING ERRCODE = 'check_violation';\n    ", table='settlement_payment', when='BEFORE', operation='TRUNCATE', level='STATEMENT', hash='9624c6ed17e9512b70e08a6773aa8679e3fb352f')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='posting',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(pgid='pgtrigger_no_truncate_7fef4', func="\n        RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME USING ERRCODE = 'check_violation';\n    ", table='settlement_posting', when='BEFORE', operation='TRUNCATE', level='STATEMENT', hash='e899e6a9a67c23dbba436c2cc730f31740af7558')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='transfer',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(pgid='pgtrigger_no_truncate_2b453', func="\n        RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME USING ERRCODE = 'check_violation';\n    ", table='settlement_transfer', when='BEFORE', operation='TRUNCATE', level='STATEMENT', hash='063a8cb6cc6ce30dec06a42ef048a5c2568619c5')),
        ),
    ]
