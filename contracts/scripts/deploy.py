"""Put the contracts on a chain, once: ``brownie run deploy --network <id>``.

Everything comes from the environment (``order.py``, docs/DEPLOY.md); ``rollout.py`` has the steps.
"""

from __future__ import annotations

import os

from brownie import web3
from web3 import Web3
from web3.middleware import ExtraDataToPOAMiddleware

from contracts.scripts import rollout


def main() -> None:
    """Deploy, go on with a deployment, or verify the one that stands."""
    # Brownie's own client keeps answers, the code of contracts for ever, and has its own errors.
    plain = Web3(web3.provider)
    plain.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
    rollout.run(plain, os.environ)
