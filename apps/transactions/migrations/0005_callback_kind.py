from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("transactions", "0004_reason_index")]

    operations = [
        migrations.AddField(
            model_name="transaction",
            name="callback_kind",
            field=models.CharField(db_default="portal", default="portal", max_length=40),
        )
    ]
