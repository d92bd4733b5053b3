"""Expired data is deleted by the worker."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from config import worker
from tests.flows.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def test_worker_deletes_expired_sessions():
    now = timezone.now()
    for name, expires_at in (("old", now - timedelta(seconds=1)), ("new", now + timedelta(hours=1))):
        Session.objects.create(session_key=name, session_data="", expire_date=expires_at)
    worker.start(set())
    try:
        wait_until(lambda: not Session.objects.filter(pk="old").exists(), 20)
    finally:
        worker.stop()
    assert Session.objects.get().pk == "new"
