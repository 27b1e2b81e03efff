"""Start everything that is missing, in the order in which the parts need each other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from marketplace_api.cli.stack.deploy import deploy, is_deployed, migrate
from marketplace_api.cli.stack.home import Home
from marketplace_api.cli.stack.keys import ActorKeys, ensure_keys
from marketplace_api.cli.stack.progress import Progress
from marketplace_api.cli.stack.servers import Urls, start_servers
from marketplace_api.cli.stack.services import start_services
from marketplace_api.cli.stack.settings import StackSettings, inherited_environment
from marketplace_api.cli.stack.state import StackState, load_state, record_environment
from marketplace_api.embedded import ganache
from marketplace_api.embedded.server import LOOPBACK, free_port

_GAS_MONEY_WEI = 1_000 * 10**18


def up(home: Home, settings: StackSettings, progress: Progress) -> StackState:
    """Bring the stack up; run twice, it starts only what is missing."""
    with home.exclusive():
        keys = ensure_keys(home, settings)
        urls = start_servers(home, settings, progress)
        shared = _shared_environment(home, settings, keys, urls)
        record_environment(home, shared)
        environment = {**inherited_environment(), **shared}
        with ThreadPoolExecutor(2) as pool:
            steps = [
                pool.submit(_deploy, home, keys, environment, progress),
                pool.submit(_migrate, home, environment, progress),
            ]
            for step in steps:
                step.result()
        start_services(home, environment, progress)
        return load_state(home)


def _shared_environment(
    home: Home, settings: StackSettings, keys: ActorKeys, urls: Urls
) -> dict[str, str]:
    chain_id = int(str(ganache.call(urls.rpc, "eth_chainId")), 16)
    listen = _api_url(home, settings)
    return {
        "GPUBOURSE_HOME": str(home.root),
        "DATABASE_URL": urls.database,
        "BROKER_URL": urls.broker,
        "RPC_URL": urls.rpc,
        "CHAIN_ID": str(chain_id),
        "DEPLOYMENT_FILE": str((settings.deployment_file or home.deployment(chain_id)).resolve()),
        "API_LISTEN": listen,
        "PUBLIC_URL": settings.public_url or listen,
        "OPERATOR_KEY_FILE": str(keys.operator),
        "AUDITOR_KEY_FILES": ",".join(str(path) for path in keys.auditors),
    }


def _api_url(home: Home, settings: StackSettings) -> str:
    """The running API's own address; else the last one, so that agents find it again; else new."""
    state = load_state(home)
    api = state.parts.get("api")
    if api is not None and api.url and api.ref.is_alive():
        return api.url
    last = state.environment.get("API_LISTEN")
    preferred = int(last.rsplit(":", 1)[-1]) if last else settings.api_port
    return f"http://{LOOPBACK}:{free_port(preferred)}"


def _deploy(home: Home, keys: ActorKeys, environment: dict[str, str], progress: Progress) -> None:
    rpc_url = environment["RPC_URL"]
    if "ganache" in load_state(home).parts:
        _give_gas_money(rpc_url, keys)
    if not is_deployed(Path(environment["DEPLOYMENT_FILE"]), rpc_url):
        with progress.step("contracts"):
            deploy(home, keys, environment)


def _migrate(home: Home, environment: dict[str, str], progress: Progress) -> None:
    with progress.step("tables"):
        migrate(home, environment)


def _give_gas_money(rpc_url: str, keys: ActorKeys) -> None:
    """On our own development chain the operator and the auditors start with money for gas."""
    for address in keys.addresses():
        balance = int(str(ganache.call(rpc_url, "eth_getBalance", address, "latest")), 16)
        if balance < _GAS_MONEY_WEI // 2:
            ganache.fund(rpc_url, address, _GAS_MONEY_WEI)
