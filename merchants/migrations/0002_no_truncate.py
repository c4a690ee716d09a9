import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('config', '0002_month_partitions'),
        ('merchants', '0001_initial'),
    ]

    operations = [
        pgtrigger.migrations.AddTrigger(
            model_name='merchant',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(pgid='pgtrigger_no_truncate_ea012', func="\n        RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME USING ERRCODE = 'check_violation';\n    ", table='merchants_merchant', when='BEFORE', operation='TRUNCATE', level='STATEMENT', hash='674739a48c60dd17b610667647169d5d458860d0')),
        ),
    ]
