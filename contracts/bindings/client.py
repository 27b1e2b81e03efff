"""The connection to a node that every part shares."""

from __future__ import annotations

from requests.exceptions import ConnectionError as Unreachable
from requests.exceptions import Timeout
from web3 import HTTPProvider, Web3
from web3.providers.rpc.utils import REQUEST_RETRY_ALLOWLIST, ExceptionRetryConfiguration

SEND = "eth_sendRawTransaction"
_RETRIES = 3
_BACKOFF_S = 0.1


def connect(rpc_url: str, timeout_s: float = 10) -> Web3:
    """A client that repeats failed reads, and never a sent transaction.

    A repeated send answers "already known" although the first one arrived, which hides what
    happened.
    """
    reads = [method for method in REQUEST_RETRY_ALLOWLIST if method != SEND]
    retry = ExceptionRetryConfiguration(
        errors=(Unreachable, Timeout),
        retries=_RETRIES,
        backoff_factor=_BACKOFF_S,
        method_allowlist=reads,
    )
    provider = HTTPProvider(
        rpc_url, request_kwargs={"timeout": timeout_s}, exception_retry_configuration=retry
    )
    return Web3(provider, middleware=[])
