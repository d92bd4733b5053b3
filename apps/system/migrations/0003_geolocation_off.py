from django.db import migrations, models


class Migration(migrations.Migration):
    """New installations begin without geolocation. The stored value of an existing installation stays."""

    dependencies = [("system", "0002_code_lock")]

    operations = [
        migrations.AlterField(
            model_name="features",
            name="geolocation",
            field=models.BooleanField(
                default=False,
                help_text="Secure messages include the operating system, browser and location of the request if a "
                "source of locations is configured. Off: no message includes them.",
                verbose_name="geolocation",
            ),
        ),
    ]
