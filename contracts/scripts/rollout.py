"""Deploy, go on with a deployment that was cut short, or verify the one that stands.

What was done is written to the deployment file, and what is being done to a journal beside it
(``record.py``). A record or journal that does not fit is refused and never deployed over.
"""

from __future__ import annotations

from collections.abc import Mapping

from web3 import Web3
from web3.exceptions import BadFunctionCallOutput, ContractLogicError, Web3RPCError

from contracts.protocol.eip712 import checksum
from contracts.protocol.keys import Signer
from contracts.scripts import record
from contracts.scripts.creations import Creation, creations
from contracts.scripts.order import Order
from contracts.scripts.record import Json
from contracts.scripts.refusal import Refusal
from contracts.scripts.sender import Sender, is_known
from contracts.scripts.suite import CONTRACTS, LIBRARIES, Plan
from contracts.scripts.verify import (
    code_hash,
    code_reasons,
    creation_reasons,
    reader,
    state_changes,
    view_reasons,
)

TOKEN_DECIMALS = 6


def run(web3: Web3, environment: Mapping[str, str]) -> None:
    """Do what the environment asks for; raises `Refusal` with the reasons."""
    order = Order.from_environment(web3.eth.chain_id, environment)
    known = record.load(order.file)
    if known is None and order.verify_only:
        raise Refusal("VERIFY_ONLY: nothing to verify:", [f"{order.file}: no such file"])
    if known is None or (not order.verify_only and _is_thrown_away(web3, order, known)):
        made = deploy(web3, order)
        print(f"{order.file}: market {made['market']} from block {made['deployed_block']}")
    else:
        record.check(order.file, known, order, record.RECORD_KEYS)
        verify_record(web3, order, known)


# ---------------------------------------------------------------------- deploying


def deploy(web3: Web3, order: Order) -> Json:
    """Send what is missing and write the record, once all of it is verified."""
    signer = Signer.load(order.key_file) if order.key_file else None
    file = record.journal_of(order.file)
    journal = _resumed(web3, order, signer)
    if journal is None:
        plan = order.plan(signer.address if signer else None)
        journal = _begun(web3, order, plan, signer)
    plan = record.plan_of(journal)
    wanted = creations(plan, journal["deployer"], journal["first_nonce"])
    sender = Sender(web3, signer, file, journal, order.max_gas_price)
    block = sender.carry_out(wanted)
    written = _record(web3, plan, journal, wanted, block, sender)
    reasons = _reasons(web3, plan, wanted, written, is_proof_needed=False)
    reasons = reasons or state_changes(web3, plan, record.places_of(written))
    if reasons:
        raise Refusal(f"{file}: what was created is not what was planned:", reasons)
    record.write(order.file, written)
    file.unlink()
    return written


def _resumed(web3: Web3, order: Order, signer: Signer | None) -> Json | None:
    """The journal to go on with, if there is one."""
    file = record.journal_of(order.file)
    journal = record.load(file)
    if journal is None or _is_forgotten(web3, order, journal):
        return None
    record.check(file, journal, order, record.JOURNAL_KEYS)
    given = signer.address if signer else "none"
    if given != journal["deployer"]:
        reason = f"deployer: recorded {journal['deployer']}, given {given} (DEPLOYER_KEY_FILE)"
        raise Refusal(f"{file}: does not fit; nothing was sent. {record.ANEW}", [reason])
    return journal


def _begun(web3: Web3, order: Order, plan: Plan, signer: Signer) -> Json:
    nonce = web3.eth.get_transaction_count(signer.address)
    pending = web3.eth.get_transaction_count(signer.address, "pending") - nonce
    if pending:
        # Addresses are predicted from nonces: what is under way would take them.
        reason = f"deployer {signer.address}: {pending} transactions are pending; wait for them"
        raise Refusal("nothing was sent:", [reason])
    if plan.payment_token:
        _check_token(web3, plan.payment_token)
    return record.new_journal(order, plan, signer.address, nonce, web3.eth.block_number)


def _check_token(web3: Web3, address: str) -> None:
    """A token with other decimals than the protocol counts in would misprice everything."""
    if not web3.eth.get_code(checksum(address)):
        raise Refusal("nothing was sent:", [f"PAYMENT_TOKEN: {address} has no code"])
    try:
        decimals = reader(web3, "TestUSD", address)("decimals")
    except (BadFunctionCallOutput, ContractLogicError, Web3RPCError) as error:
        decimals = f"none: {error}"
    if decimals != TOKEN_DECIMALS:
        reason = f"PAYMENT_TOKEN: {TOKEN_DECIMALS} decimals; {address} has {decimals}"
        raise Refusal("nothing was sent:", [reason])


def _record(
    web3: Web3,
    plan: Plan,
    journal: Json,
    wanted: tuple[Creation, ...],
    block: int,
    sender: Sender,
) -> Json:
    built = {creation.name: creation.address for creation in wanted}
    built = {"payment_token": plan.payment_token, **built}
    places = {name: built[name] for name in (*CONTRACTS, *LIBRARIES)}
    return {
        "chain_id": journal["chain_id"],
        "deployed_block": block,
        **record.described(plan),
        **{name: places[name] for name in CONTRACTS},
        "libraries": {name: places[name] for name in LIBRARIES},
        "deployer": journal["deployer"],
        "first_nonce": journal["first_nonce"],
        "transactions": {item.name: sender.transaction_of(item) for item in wanted},
        "artefact_hashes": {item.name: item.artefact.code_hash for item in wanted},
        "code_hashes": {name: code_hash(web3, address) for name, address in places.items()},
    }


# ---------------------------------------------------------------------- verifying


def verify_record(web3: Web3, order: Order, known: Json) -> None:
    """Compare the recorded contracts with the compiled ones; raises `Refusal` where they differ."""
    plan = record.plan_of(known)
    wanted = creations(plan, known["deployer"], known["first_nonce"])
    reasons = _reasons(web3, plan, wanted, known, is_proof_needed=not order.allow_unproven)
    if reasons:
        raise Refusal(f"{order.file}: does not fit; nothing was sent. {record.ANEW}", reasons)
    if not order.verify_only:  # a crash between record and journal leaves both
        record.journal_of(order.file).unlink(missing_ok=True)
    unproven = [
        item.name
        for item in wanted
        if _creation_reasons(web3, item, known["transactions"].get(item.name)) is None
    ]
    print(f"{order.file}: {len(known['code_hashes'])} contracts verified on chain {order.chain_id}")
    if unproven:
        print(f"  NOT PROVEN, by the transactions that created them: {', '.join(unproven)}")
    for change in state_changes(web3, plan, record.places_of(known)):
        print(f"  changed since: {change}")


def _reasons(
    web3: Web3,
    plan: Plan,
    wanted: tuple[Creation, ...],
    known: Json,
    *,
    is_proof_needed: bool,
) -> list[str]:
    """What speaks against a deployment, the plainest first."""
    places = record.places_of(known)
    reasons = [
        f"{item.name}: recorded at {places.get(item.name)}, of this deployer at {item.address}"
        for item in wanted
        if places.get(item.name) != item.address
    ]
    compiled = {item.name: item.artefact.code_hash for item in wanted}
    reasons += [
        f"artefact_hashes.{name}: recorded {known['artefact_hashes'].get(name)}, compiled {hash_}"
        for name, hash_ in compiled.items()
        if known["artefact_hashes"].get(name) != hash_
    ]
    reasons = reasons or [reason for item in wanted for reason in code_reasons(web3, item)]
    reasons = reasons or [
        f"code_hashes.{name}: recorded {known['code_hashes'].get(name)}, on chain {hash_}"
        for name, address in places.items()
        if known["code_hashes"].get(name) != (hash_ := code_hash(web3, address))
    ]
    for item in wanted:
        found = _creation_reasons(web3, item, known["transactions"].get(item.name))
        reasons += [_unproven(item)] if found is None and is_proof_needed else found or []
    return reasons or view_reasons(web3, plan, places)


def _unproven(item: Creation) -> str:
    """Code alone does not tell: another constructor may have left anything in the storage."""
    return (
        f"transactions.{item.name}: the transaction that created it must be recorded, and the node "
        "must have it; ALLOW_UNPROVEN=1 goes on without"
    )


def _creation_reasons(web3: Web3, item: Creation, transaction: str | None) -> list[str] | None:
    return creation_reasons(web3, item, transaction) if transaction else None


# ---------------------------------------------------------------------- chains thrown away


def _is_thrown_away(web3: Web3, order: Order, known: Json) -> bool:
    """Whether the record is of a local chain that began anew: nothing recorded is there."""
    places = record.places_of(known).values()
    return (
        order.is_local
        and known.get("chain_id") == order.chain_id
        and bool(places)
        and not any(web3.eth.get_code(checksum(address)) for address in places)
    )


def _is_forgotten(web3: Web3, order: Order, journal: Json) -> bool:
    """The same of a journal: neither its contracts nor its transactions are there."""
    sent = journal.get("sent", {}).values()
    return (
        order.is_local
        and journal.get("chain_id") == order.chain_id
        and not any(web3.eth.get_code(checksum(entry["address"])) for entry in sent)
        and not any(is_known(web3, hash_) for entry in sent for hash_ in entry["transactions"])
    )
