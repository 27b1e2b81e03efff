"""Requests that Brownie sends to the node for nothing, left out.

Of 128 requests of an ordinary test 37 asked for the chain's id, 14 (one for each contract of the
session) whether code that nobody removed is still there, and 4 kept states for `chain.undo`.
"""

from __future__ import annotations

from typing import Any

import requests
from brownie import web3
from brownie.network.contract import ContractContainer
from brownie.network.state import Chain

CONSTANT = {"eth_chainId", "web3_clientVersion"}


def ask_less() -> None:
    """To be called once Brownie is connected."""
    session = requests.Session()
    session.trust_env = False  # else every request reads the environment for proxies
    web3.provider._request_session_manager._explicit_session = session
    web3.provider.cacheable_requests = CONSTANT
    web3.provider.cache_allowed_requests = True
    ContractContainer._revert = _drop_later
    Chain._add_to_undo_buffer = _follow_time


def _drop_later(container: Any, height: int) -> None:
    """Forget the contracts that were created after the block to which the chain goes back."""
    for contract in [c for c in container._contracts if _is_gone(c, height)]:
        container.remove(contract)
        contract._reverted = True


def _is_gone(contract: Any, height: int) -> bool:
    if contract.tx is None:  # not created by this session
        return not web3.eth.get_code(contract.address)
    return bool(contract.tx.block_number > height)


def _follow_time(chain: Any, tx: Any, *_: Any) -> None:
    """Brownie's clock goes with the blocks; nobody undoes single calls here."""
    with chain._undo_lock:
        tx._confirmed.wait()
        chain._set_time_offset_from_block()
