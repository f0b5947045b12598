from __future__ import annotations

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Outbox",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("event", models.CharField(max_length=64)),
                ("kind", models.CharField(max_length=16)),
                ("object_id", models.CharField(max_length=64)),
                ("principal", models.CharField(default="", max_length=32)),
                ("extra", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("available_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("refused", models.PositiveSmallIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="RelayState",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("capturing", models.BooleanField(default=False)),
                ("studio_url", models.CharField(default="", max_length=200)),
                (
                    "connection",
                    models.CharField(
                        choices=[
                            ("none", "None"),
                            ("connected", "Connected"),
                            ("failed", "Failed"),
                        ],
                        default="none",
                        max_length=16,
                    ),
                ),
                ("connection_words", models.TextField(default="")),
                ("connected_at", models.DateTimeField(null=True)),
                ("connecting_until", models.DateTimeField(null=True)),
                ("relay_at", models.DateTimeField(null=True)),
                ("sent_at", models.DateTimeField(null=True)),
                ("sent", models.PositiveBigIntegerField(default=0)),
                ("dropped", models.PositiveBigIntegerField(default=0)),
                ("dropped_at", models.DateTimeField(null=True)),
                ("gone", models.PositiveBigIntegerField(default=0)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("retry_at", models.DateTimeField(null=True)),
                ("last_error", models.TextField(default="")),
                ("payload_error", models.TextField(default="")),
                ("report_checked_at", models.DateTimeField(null=True)),
                ("report_sent_at", models.DateTimeField(null=True)),
                ("report_digest", models.CharField(default="", max_length=64)),
            ],
        ),
    ]
