from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('transactions', '0006_authenticator'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='smsusage',
            options={
                'ordering': ['-day', 'country'],
                'verbose_name': 'daily count of text messages',
                'verbose_name_plural': 'daily counts of text messages',
            },
        ),
        migrations.AlterField(
            model_name='transaction',
            name='device_id',
            field=models.CharField(blank=True, max_length=64, verbose_name='device ID'),
        ),
    ]
