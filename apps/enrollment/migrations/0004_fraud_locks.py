import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models
from django.db.models import Min


def keep_locks(apps, _schema_editor):
    """Move the locks of profiles to their users and applications; the earliest report counts."""
    profiles = apps.get_model("enrollment", "Profile").objects.exclude(locked_at=None)
    locks = apps.get_model("enrollment", "FraudLock").objects
    found = profiles.values_list("user_id", "device__version__application").annotate(Min("locked_at")).order_by()
    for user_id, application_id, locked_at in found:
        locks.create(user_id=user_id, application_id=application_id, locked_at=locked_at)


class Migration(migrations.Migration):

    dependencies = [
        ("applications", "0003_authenticators"),
        ("enrollment", "0003_locks"),
    ]

    operations = [
        migrations.CreateModel(
            name="FraudLock",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("user_id", models.CharField(max_length=255, verbose_name="user")),
                (
                    "locked_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="locked since"),
                ),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        to="applications.application",
                        verbose_name="application",
                    ),
                ),
            ],
            options={
                "verbose_name": "fraud lock",
                "verbose_name_plural": "fraud locks",
                "constraints": [
                    models.UniqueConstraint(fields=("user_id", "application"), name="fraud_lock_unique")
                ],
            },
        ),
        migrations.RunPython(keep_locks, migrations.RunPython.noop),
    ]
