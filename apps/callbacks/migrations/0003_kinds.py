from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("callbacks", "0002_undelivered_index")]

    operations = [
        migrations.AddField(
            model_name="callbackdelivery",
            name="kind",
            field=models.CharField(db_default="portal", default="portal", max_length=40, verbose_name="kind"),
        ),
        migrations.AddField(
            model_name="failingcallbackurl",
            name="kind",
            field=models.CharField(db_default="portal", default="portal", max_length=40),
        ),
    ]
