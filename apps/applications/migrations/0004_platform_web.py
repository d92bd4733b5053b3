from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("applications", "0003_application_web_phone")]

    operations = [
        migrations.AlterField(
            model_name="applicationversion",
            name="platform",
            field=models.CharField(
                choices=[("android", "Android"), ("ios", "iOS"), ("web", "Web")],
                default="android",
                max_length=10,
                verbose_name="platform",
            ),
        ),
    ]
