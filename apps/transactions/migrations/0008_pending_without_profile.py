from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("enrollment", "0005_profiles_without_keys"),
        ("transactions", "0007_limits"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(
                condition=models.Q(
                    ("profile__isnull", True), ("status", "pending"), models.Q(("device_id", ""), _negated=True)
                ),
                fields=["created_at"],
                name="txn_pending_no_profile",
            ),
        ),
    ]
