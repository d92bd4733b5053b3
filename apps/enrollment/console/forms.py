"""Forms for users' devices in the console."""

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from apps.applications.models import Application
from apps.enrollment.models import MAX_USER_ID_CHARACTERS


class EnrollDeviceForm(forms.Form):
    """User and application of a new enrolment code. Spaces in the user id are significant."""

    user_id = forms.CharField(
        label=_("User ID"), max_length=MAX_USER_ID_CHARACTERS, strip=False, widget=UnfoldAdminTextInputWidget()
    )
    application = forms.ModelChoiceField(
        label=_("Application"),
        queryset=Application.objects.order_by("name"),
        to_field_name="identifier",
        empty_label=None,
        widget=UnfoldAdminSelectWidget(),
    )
