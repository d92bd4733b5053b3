from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("callbacks", "0001_initial")]

    operations = [
        migrations.AddIndex(
            model_name="callbackdelivery",
            index=models.Index(
                fields=["-created_at", "url"],
                condition=models.Q(state__in=["due", "failed"]),
                name="callback_undelivered",
            ),
        )
    ]
