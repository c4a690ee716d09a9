import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('config', '0002_month_partitions'),
        ('wallets', '0001_initial'),
    ]

    operations = [
        pgtrigger.migrations.AddTrigger(
            model_name='offlinecopy',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(pgid='pgtrigger_no_truncate_59bca', func="\n        RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME USING ERRCODE = 'check_violation';\n    ", table='wallets_offlinecopy', when='BEFORE', operation='TRUNCATE', level='STATEMENT', hash='36267c37305b3027862a2df5dec0675dc5260dc5')),
        ),
    ]
