"""The Studio's own addresses: what Saleor, mail programs and shoppers call."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from .delivery import recovery, views
from .inbox.track import urls as track_urls
from .saleor_app import urls as saleor_urls
from .studio.dashboard import urls as dashboard_urls

app_name = "saleor_automation"

urlpatterns: list[URLPattern | URLResolver] = [
    path("saleor/", include(saleor_urls.urlpatterns)),
    path("saleor/", include(dashboard_urls.urlpatterns)),
    path("", include(track_urls.urlpatterns)),
    path("m/<str:token>/unsubscribe/", views.unsubscribe, name="unsubscribe"),
    path("m/<str:token>/basket/", recovery.basket_link, name="basket_link"),
    # What an editor wrote behind the variable (?from=mail) must not break the link.
    path("m/<str:token>/basket/<path:rest>", recovery.basket_link),
    path("m/<str:token>/", views.view_mail, name="view_mail"),
]
