from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("system", "0001_initial")]

    operations = [
        migrations.AlterField(
            model_name="generalconfiguration",
            name="code_lock_seconds",
            field=models.PositiveIntegerField(
                default=0,
                help_text="Duration of this lock. 0: until support staff unlock the user.",
                validators=[MaxValueValidator(31_536_000)],
                verbose_name="code lock (seconds)",
            ),
        ),
        migrations.AlterField(
            model_name="generalconfiguration",
            name="max_consecutive_code_failures",
            field=models.PositiveIntegerField(
                default=100,
                help_text="Number of consecutive wrong codes, over all transactions, after which SMS and code to phone "
                "are locked for the user: 1 to 100.",
                validators=[MinValueValidator(1), MaxValueValidator(100)],
                verbose_name="max consecutive code failures",
            ),
        ),
    ]
