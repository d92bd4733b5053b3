"""URL paths of the server."""

from django.apps import apps
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from django.views.i18n import set_language

from apps.api import description, health, metrics
from apps.api.portal import urls as portal
from apps.api.users import urls as users

admin.autodiscover()
urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics.metrics),
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
    # Stores the language of the console in a cookie. Without the cookie, the language of the browser is used.
    path("admin-language/", set_language, name="set_language"),
    path("oauth/api/schema/", description.DescriptionView.as_view(), name="schema"),
    path("oauth/api/docs/", description.DescriptionPageView.as_view(url_name="schema"), name="docs"),
    path("oauth/api/v2/", include(portal.v2)),
    path("oauth/api/v3/", include(portal.v3)),
    path("oauth/api/v4/", include(portal.v4)),
    path("oauth/api/v1/", include("apps.api.events.urls")),
    path("oauth/api/v3/", include(users.v3)),
    path("oauth/api/v4/", include(users.v4)),
    path("device/v1/", include("apps.api.device.urls")),
    path("", include("apps.ciba.urls")),
    path("integrations/", include("apps.integrations.urls")),
]

if apps.is_installed("apps.demo"):
    urlpatterns += [
        path("demo/", include("apps.demo.urls")),
        path("", RedirectView.as_view(url="/demo/")),
    ]
else:
    urlpatterns += [path("", RedirectView.as_view(url="/admin/"))]

handler400 = "apps.api.exceptions.bad_request"
handler404 = "apps.api.exceptions.not_found"
handler500 = "apps.api.exceptions.server_error"
