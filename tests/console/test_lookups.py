"""Query parameters of the console's lists."""

import pytest
from django.contrib import admin

from tests.console.test_roles import ONE_ROW

LISTS = {model._meta.label: page for model, page in admin.site._registry.items() if model._meta.label not in ONE_ROW}
# The name of a relation and of a field of the related model, by model.
RELATED = {
    "transactions.Transaction": "client__secret_hashes__startswith",
    "transactions.SmsUsage": "client__secret_hashes__startswith",
    "transactions.MobileAuthenticationType": "fallback__name__startswith",
    "applications.Application": "versions__push_messaging_configuration__service_account__startswith",
    "enrollment.Profile": "push_enrollment__token__startswith",
    "callbacks.CallbackDelivery": "transaction__client__secret_hashes__startswith",
    "auth.User": "groups__name",
}


def page_path(label):
    return f"/admin/{label.lower().replace('.', '/')}/"


@pytest.mark.parametrize("label", LISTS)
def test_list_rejects_lookup_without_filter(console, label):
    fields = [field.name for field in LISTS[label].opts.concrete_fields]
    lookups = [f"{name}__startswith" for name in [*fields, "password", "secret_hashes", "token"]]
    lookups += [f"{name}__isnull" for name in fields] + ["nonsense", "nonsense__x", "id__in", "pk", "__", "a" * 500]
    for lookup in filter(None, [*lookups, RELATED.get(label)]):
        assert console.get(page_path(label), {lookup: "x"}).status_code == 400, lookup


@pytest.mark.parametrize("label", LISTS)
def test_list_accepts_filter_parameters(console, label):
    path = page_path(label)
    listed = console.get(path)
    assert listed.status_code == 200
    for name in [name for spec in listed.context["cl"].filter_specs for name in spec.expected_parameters()]:
        assert console.get(path, {name: "x"}).status_code == 200, name
    assert console.get(f"{path}?o=1&q=x&e=1").status_code == 200


@pytest.mark.parametrize("label", [*LISTS, *sorted(ONE_ROW)])
def test_list_rejects_more_than_500_fields(console, label):
    assert console.get(f"{page_path(label)}?{'a=1&' * 501}").status_code == 400
