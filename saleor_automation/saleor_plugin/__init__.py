"""The small app inside Saleor: how the Dashboard points at the Studio.

Imports Django, Saleor and ``contract`` only. Wagtail cannot load here, since Saleor's
own app has the label ``auth``, so nothing of the Studio may be imported.
"""
