from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("events", "0004_newest_first"),
    ]

    operations = [
        migrations.CreateModel(
            name="Measure",
            fields=[
                ("series", models.CharField(max_length=300, primary_key=True, serialize=False, verbose_name="series")),
                ("total", models.BigIntegerField(verbose_name="total")),
            ],
        ),
    ]
