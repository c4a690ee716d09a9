import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("config", "0001_initial"),
        ("issuers", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="credential",
            name="posted_atc",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="credential",
            name="posted_minor",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="credential",
            name="posted_records",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="credential",
            name="posted_since",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="credential",
            name="posted_uses",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="credential",
            name="renewed_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="renews",
                to="issuers.credential",
            ),
        ),
        migrations.AddField(
            model_name="credential",
            name="reset_atc",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddIndex(
            model_name="credential",
            index=models.Index(
                condition=models.Q(("posted_since__isnull", False), ("state", "ACTIVE")),
                fields=["posted_since"],
                name="credential_to_reset",
            ),
        ),
        migrations.AddIndex(
            model_name="credential",
            index=models.Index(
                condition=models.Q(("state", "ACTIVE")),
                fields=["contact_by"],
                name="credential_to_renew",
            ),
        ),
        migrations.AddConstraint(
            model_name="credential",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("posted_atc__gte", 0), ("posted_minor__gte", 0), ("reset_atc__gte", 0)
                ),
                name="credential_counts_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="credential",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("posted_since__isnull", False),
                    models.Q(("posted_minor", 0), ("posted_uses", 0)),
                    _connector="OR",
                ),
                name="credential_posted_is_dated",
            ),
        ),
        migrations.AddConstraint(
            model_name="credential",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("renewed_by", None),
                    models.Q(("reserve_minor", 0), ("state", "RETIRED")),
                    _connector="OR",
                ),
                name="credential_renewed_holds_nothing",
            ),
        ),
    ]
