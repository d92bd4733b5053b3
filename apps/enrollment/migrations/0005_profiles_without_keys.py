import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("enrollment", "0004_fraud_locks"),
    ]

    operations = [
        migrations.RemoveField(
            model_name="profile",
            name="locked_at",
        ),
        migrations.AlterField(
            model_name="profile",
            name="public_key",
            field=models.TextField(blank=True),
        ),
        migrations.AlterField(
            model_name="profile",
            name="fingerprint",
            field=models.CharField(blank=True, max_length=64, verbose_name="key fingerprint"),
        ),
        migrations.AlterField(
            model_name="profile",
            name="server_key",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, to="enrollment.serverkey"
            ),
        ),
    ]
