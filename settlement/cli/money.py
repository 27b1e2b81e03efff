"""`faucet`, `deposit`, `withdraw` and `balance`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from contracts.protocol.amounts import format_tokens, parse_tokens
from contracts.protocol.eip712 import check_address
from contracts.protocol.errors import ProtocolError
from marketplace_api.cli.output import confirm_spending, emit_json, print_fields
from marketplace_api.cli.problems import refuse
from marketplace_api.cli.profile import Profile
from marketplace_api.client.answers import gpu_hours_text
from marketplace_api.embedded import ganache
from settlement.cli.desk import ChainDesk, Sent, open_chain
from settlement.cli.verify.history import read_history
from settlement.cli.verify.sums import History, units_of

_GAS_MONEY_WEI = 10 * 10**18


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a wallet has at one block."""

    wallet: str
    block: int
    token: int
    """Payment tokens in the wallet itself."""
    market: int
    """Payment tokens in its account in the market."""
    bonded: int
    escrowed: int
    """What its units may still cost."""
    gpu_ms: int
    gas_wei: int


def faucet(tokens: str, to: str | None, *, as_json: bool) -> None:
    """Mint test money, and give gas where the node can."""
    amount = _amount(tokens)
    profile = Profile.load()
    desk = open_chain(profile)
    if not desk.place.is_local:
        refuse(
            "not-local",
            "there is a faucet on a local chain only",
            field="chain_id",
            limit="a local chain",
            given=desk.place.chain_id,
        )
    signer = profile.signer()
    wallet = _wallet(to, signer.address)
    _give_gas(desk, {wallet, signer.address})
    sent = desk.send(signer, desk.token.address, desk.token.mint(wallet, amount))
    _print("minted", amount, sent, as_json=as_json)


def deposit(tokens: str, *, yes: bool, as_json: bool) -> None:
    """Approve the exact amount, then pay it in."""
    amount = _amount(tokens)
    profile = Profile.load()
    signer = profile.signer()
    desk = open_chain(profile)
    have = desk.token.balance_of(signer.address, desk.head)
    if have < amount:
        refuse(
            "insufficient-tokens",
            "the wallet has less than that",
            field="tokens",
            limit=f"at most {format_tokens(have)}",
            given=format_tokens(amount),
        )
    confirm_spending(f"Pay {format_tokens(amount)} tokens into the market?", yes=yes)
    desk.send(signer, desk.token.address, desk.token.approve(desk.market.address, amount))
    sent = desk.send(signer, desk.market.address, desk.market.deposit(amount))
    _print("deposited", amount, sent, as_json=as_json)


def withdraw(tokens: str, to: str | None, *, yes: bool, as_json: bool) -> None:
    """Take money out, all of it where that is asked for."""
    profile = Profile.load()
    signer = profile.signer()
    desk = open_chain(profile)
    have = desk.market.account(signer.address, desk.head).balance
    amount = have if tokens == "all" else _amount(tokens)
    if amount == 0 or amount > have:
        refuse(
            "insufficient-balance",
            "the account in the market has less than that",
            field="tokens",
            limit=f"more than nothing and at most {format_tokens(have)}",
            given=format_tokens(amount),
        )
    target = _wallet(to, signer.address)
    confirm_spending(f"Withdraw {format_tokens(amount)} tokens to {target}?", yes=yes)
    sent = desk.send(signer, desk.market.address, desk.market.withdraw(target, amount))
    _print("withdrawn", amount, sent, as_json=as_json)


def balance(wallets: Sequence[str], *, as_json: bool) -> None:
    """Everything that the wallets have, all read at one block; a list where several are named."""
    profile = Profile.load()
    for wallet in wallets:
        check_address("wallet", wallet)
    desk = open_chain(profile)
    found = holdings(desk, wallets or [profile.signer().address])
    if as_json:
        shown = [asdict(one) for one in found]
        emit_json(shown if len(wallets) > 1 else shown[0])
        return
    for one in found:
        print_fields(
            {
                "wallet": one.wallet,
                "in the wallet": format_tokens(one.token),
                "in the market": format_tokens(one.market),
                "in bond": format_tokens(one.bonded),
                "in escrow": format_tokens(one.escrowed),
                "GPU-hours": gpu_hours_text(one.gpu_ms),
                "at block": one.block,
            }
        )


def holdings(desk: ChainDesk, wallets: Sequence[str]) -> tuple[Holdings, ...]:
    """Read everything at one block."""
    block = desk.head
    history = read_history(desk, block)
    return tuple(_holdings(desk, history, wallet) for wallet in wallets)


def _holdings(desk: ChainDesk, history: History, wallet: str) -> Holdings:
    block, web3 = history.block, desk.chain.web3
    positions = units_of(history, wallet)
    bond = desk.registry.bond_of(wallet, block)
    return Holdings(
        wallet=wallet,
        block=block,
        token=desk.token.balance_of(wallet, block),
        market=desk.market.account(wallet, block).balance,
        bonded=bond.bonded + bond.unbonding,
        escrowed=positions.escrow,
        gpu_ms=positions.gpu_ms,
        gas_wei=web3.eth.get_balance(web3.to_checksum_address(wallet), block),
    )


def _give_gas(desk: ChainDesk, wallets: set[str]) -> None:
    """Only development chains can; elsewhere the mint says that there is no gas."""
    for wallet in wallets:
        owned = desk.chain.web3.eth.get_balance(desk.chain.web3.to_checksum_address(wallet))
        if owned < _GAS_MONEY_WEI // 2:
            try:
                ganache.fund(desk.place.rpc_url, wallet, _GAS_MONEY_WEI)
            except ValueError as error:
                refuse("no-gas", f"{wallet} has no gas and the node gives none: {error}")


def _amount(tokens: str) -> int:
    amount = parse_tokens(tokens, "tokens")
    if amount == 0:
        raise ProtocolError("tokens", "more than nothing", tokens)
    return amount


def _wallet(given: str | None, default: str) -> str:
    if given is None:
        return default
    check_address("wallet", given)
    return given


def _print(what: str, amount: int, sent: Sent, *, as_json: bool) -> None:
    if as_json:
        emit_json({what: amount, **asdict(sent)})
    else:
        print(f"{what} {format_tokens(amount)} tokens in {sent.transaction}, gas {sent.gas_used}")
