from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("enrollment", "0002_server_key_kind")]

    operations = [
        migrations.AddField(
            model_name="profile",
            name="can_pull",
            field=models.BooleanField(default=False, db_default=False, verbose_name="requests without push"),
        ),
    ]
