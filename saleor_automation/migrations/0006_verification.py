from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("saleor_automation", "0005_predicates"),
    ]

    operations = [
        migrations.CreateModel(
            name="AddressPolicy",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("choices", models.JSONField(default=dict)),
            ],
            options={
                "verbose_name": "address policy",
            },
        ),
        migrations.CreateModel(
            name="DomainCheck",
            fields=[
                ("domain", models.CharField(max_length=253, primary_key=True, serialize=False)),
                ("reason", models.CharField(max_length=32)),
                ("hosts", models.JSONField(default=list)),
                ("detail", models.CharField(blank=True, default="", max_length=200)),
                ("answered_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("failures", models.PositiveSmallIntegerField(default=0)),
            ],
            options={
                "verbose_name": "domain check",
                "verbose_name_plural": "domain checks",
                "indexes": [models.Index(fields=["expires_at"], name="sa_domain_check_age")],
            },
        ),
        migrations.CreateModel(
            name="Verification",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("address_digest", models.CharField(max_length=64, unique=True)),
                ("domain", models.CharField(blank=True, default="", max_length=253)),
                ("verdict", models.CharField(max_length=16)),
                ("reason", models.CharField(max_length=32)),
                ("reasons", models.JSONField(default=list)),
                ("suggestion", models.CharField(blank=True, default="", max_length=253)),
                ("evidence", models.JSONField(default=dict)),
                ("own_delivered_at", models.DateTimeField(blank=True, null=True)),
                ("own_hard_bounce_at", models.DateTimeField(blank=True, null=True)),
                ("checked_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("checker", models.CharField(max_length=32)),
            ],
            options={
                "verbose_name": "verified address",
                "verbose_name_plural": "verified addresses",
                "indexes": [
                    models.Index(fields=["verdict", "reason"], name="sa_verification_counts"),
                    models.Index(fields=["checked_at"], name="sa_verification_age"),
                ],
            },
        ),
    ]
