from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("transactions", "0002_platforms")]

    operations = [
        migrations.AddField(
            model_name="mobileauthenticationtype",
            name="code_to_phone",
            field=models.BooleanField(
                default=False, db_default=False,
                help_text="The device shows a code of six digits, and the user enters it in the portal. The user cannot "
                "approve on the device.",
                verbose_name="code to phone",
            ),
        ),
        migrations.AddField(
            model_name="transaction",
            name="code_to_phone",
            field=models.BooleanField(default=False, db_default=False, verbose_name="code to phone"),
        ),
        migrations.AddField(
            model_name="transaction",
            name="code_attempts_used",
            field=models.PositiveIntegerField(default=0, db_default=0, verbose_name="attempts of the code"),
        ),
        migrations.AddField(
            model_name="transaction",
            name="code_request_digest",
            field=models.CharField(blank=True, default="", db_default="", max_length=64),
        ),
    ]
