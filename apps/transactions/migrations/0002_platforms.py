from django.db import migrations, models

import apps.transactions.types


class Migration(migrations.Migration):
    dependencies = [("transactions", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="mobileauthenticationtype",
            name="allowed_platforms",
            field=models.JSONField(
                default=apps.transactions.types.all_platforms, db_default=["android", "ios", "web"],
                help_text="Devices of other platforms cannot be used with this type, so the fallback is used for them.",
                validators=[apps.transactions.types.validate_platforms],
                verbose_name="allowed platforms",
            ),
        ),
        migrations.AddField(
            model_name="transaction",
            name="device_platform",
            field=models.CharField(
                blank=True,
                choices=[("android", "Android"), ("ios", "iOS"), ("web", "Web")],
                default="", db_default="",
                max_length=10,
                verbose_name="device platform",
            ),
        ),
    ]
