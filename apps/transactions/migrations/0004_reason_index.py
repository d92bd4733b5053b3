from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("transactions", "0003_code_to_phone")]

    operations = [
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(
                fields=["reason", "-created_at", "client", "type_name"],
                condition=models.Q(reason__in=["failed_to_send", "invalid_request", "not_accepted", "invalid_answer"]),
                name="txn_reason",
            ),
        )
    ]
