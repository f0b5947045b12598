from __future__ import annotations

import requests


class InvalidIPAddress(requests.RequestException):
    pass


#: A test puts an error here for what Saleor's own client meets.
trouble: list[Exception] = []


def fetch_manifest(manifest_url, timeout=(2, 18), max_retries=0):
    if trouble:
        raise trouble[0]
    return requests.get(manifest_url, timeout=timeout).json()
