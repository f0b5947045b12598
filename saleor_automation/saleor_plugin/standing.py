"""Looking up how the plugin stands, for its status field."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from .claims import rows
from .configuration import Configuration
from .report import outbox_state
from .shop import app_current, webhooks_active
from .state import is_migrated, state_current
from .status import Standing


def standing_current(configuration: Configuration, *, has_broker: bool) -> Standing:
    """Read everything the status field speaks of."""
    now = timezone.now()
    if not is_migrated():
        return Standing(configuration, now, is_migrated=False)
    state = state_current()
    outbox = outbox_state(state, now)
    app = app_current()
    return Standing(
        configuration,
        now,
        has_broker=has_broker,
        connection=state.connection,
        connection_words=state.connection_words,
        studio_url=state.studio_url,
        connected_at=state.connected_at,
        has_app=app is not None,
        app_is_active=bool(app and app.is_active),
        app_manifest_url=(app.manifest_url or "") if app else "",
        webhooks_active=bool(app and webhooks_active(app)),
        capturing=state.capturing,
        relay_at=state.relay_at,
        pending=outbox.pending,
        oldest_age=timedelta(seconds=outbox.oldest_age_seconds),
        refused=rows().exclude(refused=0).count(),
        dropped=state.dropped,
        last_error=state.last_error,
        payload_error=state.payload_error,
    )
