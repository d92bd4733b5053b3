from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0002_audit_blocks'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditVerification',
            fields=[
                ('number', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('verified_at', models.DateTimeField()),
                ('problems', models.PositiveIntegerField()),
            ],
        ),
    ]
