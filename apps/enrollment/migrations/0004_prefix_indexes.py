from django.db import migrations, models

from apps.common.prefixes import PrefixKey


class Migration(migrations.Migration):
    dependencies = [("enrollment", "0003_profile_can_pull")]

    operations = [
        migrations.AddIndex(
            model_name="device", index=models.Index(PrefixKey("name"), "id", name="device_name_prefix")
        ),
        migrations.AddIndex(
            model_name="profile", index=models.Index(PrefixKey("user_id"), "id", name="profile_user_prefix")
        ),
    ]
