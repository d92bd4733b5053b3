from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("enrollment", "0001_initial")]

    operations = [
        # All existing keys are OpenPGP keys.
        migrations.AddField(
            model_name="serverkey",
            name="kind",
            field=models.CharField(
                choices=[("jose", "JOSE (P-256)"), ("openpgp", "OpenPGP")],
                default="openpgp", db_default="openpgp",
                max_length=10,
                verbose_name="kind",
            ),
            preserve_default=False,
        ),
        migrations.RemoveConstraint(model_name="serverkey", name="server_key_one_shared"),
        migrations.AddConstraint(
            model_name="serverkey",
            constraint=models.UniqueConstraint(
                condition=models.Q(("shared", True)), fields=("kind",), name="server_key_one_shared"
            ),
        ),
    ]
