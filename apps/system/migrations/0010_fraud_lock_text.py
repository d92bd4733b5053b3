from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("system", "0009_upper_bounds"),
    ]

    operations = [
        migrations.AlterField(
            model_name="generalconfiguration",
            name="lock_profile_on_fraud_report",
            field=models.BooleanField(
                default=False,
                help_text="A user who reports a fraud gets no more transactions in that application until support staff "
                "unlock the user.",
                verbose_name="lock profile on fraud report",
            ),
        ),
    ]
