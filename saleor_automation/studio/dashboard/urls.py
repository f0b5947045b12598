"""Addresses of the app's page in the Dashboard; mounted under ``saleor/``."""

from __future__ import annotations

from django.urls import path

from . import entry, page

urlpatterns = [
    # The Dashboard takes a slash at the end away; people add one.
    path("app", page.shell, {"kind": "page", "source": "dashboard_overview"}, name="dashboard"),
    path("app/", page.shell, {"kind": "page", "source": "dashboard_overview"}),
    path("app/home", page.shell, {"kind": "box", "source": "dashboard_home"}),
    path("app/customer", page.shell, {"kind": "box", "source": "dashboard_customer"}),
    path("app/order", page.shell, {"kind": "box", "source": "dashboard_order"}),
    path("app/overview", page.Overview.as_view(), name="dashboard_overview"),
    path("app/home/data", page.Home.as_view(), name="dashboard_home"),
    path("app/customer/mails", page.CustomerMails.as_view(), name="dashboard_customer"),
    path("app/order/mails", page.OrderMails.as_view(), name="dashboard_order"),
    path("app/open", entry.open_view, name="dashboard_open"),
    path("app/code", entry.code_view, name="dashboard_code"),
    path("app/enter", entry.enter_view, name="dashboard_enter"),
]
