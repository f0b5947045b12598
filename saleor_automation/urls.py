"""The Studio's own addresses: what Saleor, mail programs and shoppers call."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from .delivery import preferences, recovery, signup, views
from .inbox.track import urls as track_urls
from .privacy import views as privacy
from .saleor_app import urls as saleor_urls
from .studio.dashboard import urls as dashboard_urls

app_name = "saleor_automation"

urlpatterns: list[URLPattern | URLResolver] = [
    path("saleor/", include(saleor_urls.urlpatterns)),
    path("saleor/", include(dashboard_urls.urlpatterns)),
    path("", include(track_urls.urlpatterns)),
    path("m/<str:token>/unsubscribe/", views.unsubscribe, name="unsubscribe"),
    path("m/<str:token>/preferences/", preferences.preferences, name="preferences"),
    path("subscribe/", signup.subscribe, name="subscribe"),
    path("subscribe/confirm/<str:token>/", signup.confirm, name="confirm"),
    path("m/<str:token>/basket/", recovery.basket_link, name="basket_link"),
    # What an editor wrote behind the variable (?from=mail) must not break the link.
    path("m/<str:token>/basket/<path:rest>", recovery.basket_link),
    path("m/<str:token>/privacy/", privacy.answer, name="privacy_answer"),
    path("m/<str:token>/privacy/data/", privacy.data, name="privacy_data"),
    path("m/<str:token>/", views.view_mail, name="view_mail"),
    path("privacy/", privacy.ask, name="privacy"),
]
