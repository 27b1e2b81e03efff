"""What one API process has at hand: settings, contracts, the operator's key, limits, a clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from contracts.protocol.deployment import Deployment
from contracts.protocol.keys import Signer
from contracts.protocol.orders import OrderRules
from marketplace_api.notifications import Notifications
from marketplace_api.ratelimit import RateLimiter
from marketplace_api.settings import Settings


def wall_clock() -> int:
    """Unix seconds; the local chain's clock is the same one."""
    return int(time.time())


@dataclass(frozen=True, slots=True)
class Context:
    """Handed to every endpoint and to the matcher."""

    settings: Settings
    deployment: Deployment
    operator: Signer
    notifications: Notifications
    limiter: RateLimiter
    clock: Callable[[], int] = field(default=wall_clock)

    @property
    def rules(self) -> OrderRules:
        """What the market adds to the limits of the protocol."""
        return OrderRules(self.deployment.constants.start_grace)


def get_context(request: Request) -> Context:
    """The context of the process that serves this request."""
    context: Context = request.app.state.context
    return context


ContextDep = Annotated[Context, Depends(get_context)]
