from django.db import migrations, models

import apps.common.encryption
import apps.push.models


class Migration(migrations.Migration):
    dependencies = [("push", "0001_initial")]

    operations = [
        migrations.AlterField(
            model_name="pushmessagingconfiguration",
            name="platform",
            field=models.CharField(
                choices=[("android", "Android"), ("ios", "iOS"), ("web", "Web")],
                default="android",
                max_length=10,
                verbose_name="platform",
            ),
        ),
        migrations.AddField(
            model_name="pushmessagingconfiguration",
            name="contact",
            field=models.CharField(
                blank=True,
                default="", db_default="",
                help_text="Push services use it to reach the operator: mailto: and an email address, or an https URL.",
                max_length=255,
                validators=[apps.push.models.validate_contact],
                verbose_name="contact",
            ),
        ),
        migrations.AddField(
            model_name="pushmessagingconfiguration",
            name="vapid_private_key",
            field=apps.common.encryption.EncryptedTextField(
                blank=True, default="", db_default="", verbose_name="VAPID private key"
            ),
        ),
        migrations.AddField(
            model_name="pushmessagingconfiguration",
            name="vapid_public_key",
            field=models.CharField(
                blank=True, default="", db_default="", editable=False, max_length=100, verbose_name="VAPID public key"
            ),
        ),
    ]
