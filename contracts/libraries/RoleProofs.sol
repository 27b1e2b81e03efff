// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {IArbitration} from "../interfaces/IArbitration.sol";
import {IGpuMarket} from "../interfaces/IGpuMarket.sol";
import {IProviderRegistry} from "../interfaces/IProviderRegistry.sol";
import {Acknowledgement, AcknowledgementLib} from "../types/Acknowledgement.sol";
import {Ask, AskLib} from "../types/Ask.sol";
import {Attestation, AttestationLib} from "../types/Attestation.sol";
import {Bid, BidLib} from "../types/Bid.sol";
import {Verdict, VerdictLib} from "../types/Verdict.sol";
import {CaseRules, Modules} from "./CaseRules.sol";
import {Equivocation} from "./Equivocation.sol";
import {OrderRecord, OrderRecordLib} from "./OrderRecord.sol";
import {SeriesId} from "./SeriesId.sol";
import {Signatures} from "./Signatures.sol";
import {Units} from "./Units.sol";

/// @title Operators, arbiters and auditors who contradicted themselves
/// @dev Linked, because the arbitration would be too large with it; it runs in the arbitration's storage and name.
library RoleProofs {
    using SeriesId for uint256;

    uint8 private constant CANCELLED = 2;
    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");

    /// @notice See `IArbitration.proveCancelledBid`.
    function cancelledBid(
        mapping(bytes32 proof => bool proven) storage isProven,
        Modules memory modules,
        Bid calldata bid,
        Acknowledgement calldata acknowledgement,
        bytes calldata signature
    ) external {
        bytes32 order = CaseRules.inMarket(modules, BidLib.hash(bid));
        _checkCancelled(modules, order, bid.filler, acknowledgement, signature);
        _slashFiller(isProven, modules, order, bid.filler, bid.buyer, acknowledgement);
    }

    /// @notice See `IArbitration.proveCancelledAsk`.
    function cancelledAsk(
        mapping(bytes32 proof => bool proven) storage isProven,
        Modules memory modules,
        Ask calldata ask,
        Acknowledgement calldata acknowledgement,
        bytes calldata signature
    ) external {
        bytes32 order = CaseRules.inMarket(modules, AskLib.hash(ask));
        _checkCancelled(modules, order, ask.filler, acknowledgement, signature);
        _slashFiller(isProven, modules, order, ask.filler, ask.seller, acknowledgement);
    }

    /// @notice See `IArbitration.proveVerdicts`.
    /// @param domain Of verdicts.
    function verdicts(
        mapping(bytes32 proof => bool proven) storage isProven,
        Modules memory modules,
        bytes32 domain,
        Verdict calldata first,
        bytes calldata firstSignature,
        Verdict calldata second,
        bytes calldata secondSignature
    ) external {
        if (!Equivocation.disagree(first, second)) revert IArbitration.NoContradiction();
        bytes32 one = MessageHashUtils.toTypedDataHash(domain, VerdictLib.hash(first));
        bytes32 two = MessageHashUtils.toTypedDataHash(domain, VerdictLib.hash(second));
        address arbiter = _oneSigner(one, firstSignature, two, secondSignature);
        uint32 set = modules.registry.saleTerms(first.series.terms()).arbiterSet;
        if (modules.parameters.arbiterIndex(set, arbiter) == 0) revert IArbitration.NotArbiter(set, arbiter);
        bytes32 proof = keccak256(abi.encode(arbiter, first.series, first.holder, first.number));
        _slashRole(isProven, modules, arbiter, proof, keccak256(abi.encode(one, two)));
    }

    /// @notice See `IArbitration.proveAttestations`.
    function attestations(
        mapping(bytes32 proof => bool proven) storage isProven,
        Modules memory modules,
        Attestation calldata first,
        bytes calldata firstSignature,
        Attestation calldata second,
        bytes calldata secondSignature
    ) external {
        if (!Equivocation.twoOwners(first, second)) revert IArbitration.NoContradiction();
        bytes32 one = _inRegistry(modules, AttestationLib.hash(first));
        bytes32 two = _inRegistry(modules, AttestationLib.hash(second));
        address auditor = _oneSigner(one, firstSignature, two, secondSignature);
        if (modules.parameters.auditorIndex(auditor) == 0) revert IArbitration.NotAuditor(auditor);
        bytes32 proof = keccak256(abi.encode(auditor, first.device));
        _slashRole(isProven, modules, auditor, proof, keccak256(abi.encode(one, two)));
    }

    function _checkCancelled(
        Modules memory modules,
        bytes32 order,
        address filler,
        Acknowledgement calldata acknowledgement,
        bytes calldata signature
    ) private view {
        if (acknowledgement.order != order || acknowledgement.action != CANCELLED) {
            revert IArbitration.NotCancelled(order, acknowledgement.order, acknowledgement.action);
        }
        bytes32 digest = CaseRules.inMarket(modules, AcknowledgementLib.hash(acknowledgement));
        address signer = Signatures.signer(digest, signature);
        if (filler == address(0) || signer != filler) revert IGpuMarket.BadSignature(filler, signer);
    }

    function _slashFiller(
        mapping(bytes32 proof => bool proven) storage isProven,
        Modules memory modules,
        bytes32 order,
        address filler,
        address maker,
        Acknowledgement calldata acknowledgement
    ) private {
        OrderRecord record = OrderRecord.wrap(modules.market.recordOf(order));
        uint256 filledAt = OrderRecordLib.filledAt(record);
        if (filledAt <= acknowledgement.at) revert IArbitration.NotFilledAfter(filledAt, acknowledgement.at);
        uint256 amount = Units.shareDown(OrderRecordLib.cost(record), CaseRules.BOND_BPS);
        uint256 least = modules.parameters.disputeFee();
        if (amount < least) amount = least;
        bytes32 evidence = CaseRules.inMarket(modules, AcknowledgementLib.hash(acknowledgement));
        _prove(isProven, filler, order, evidence);
        uint256 taken = modules.registry.slash(filler, amount, maker, amount, evidence);
        if (taken == 0) revert IArbitration.NothingToSlash(filler);
    }

    /// @dev Half is burned, so that nobody takes its bond out by proving against itself. Where nothing is bonded the
    /// proof is kept for a time when something is.
    function _slashRole(
        mapping(bytes32 proof => bool proven) storage isProven,
        Modules memory modules,
        address culprit,
        bytes32 proof,
        bytes32 evidence
    ) private {
        IProviderRegistry.Bond memory bond = modules.registry.bondOf(culprit);
        uint256 bonded = uint256(bond.bonded) + bond.unbonding;
        uint256 amount = modules.parameters.roleBond();
        if (amount > bonded) amount = bonded;
        if (amount == 0) revert IArbitration.NothingToSlash(culprit);
        _prove(isProven, culprit, proof, evidence);
        modules.registry.slash(culprit, amount, msg.sender, amount / 2, evidence);
    }

    function _prove(
        mapping(bytes32 proof => bool proven) storage isProven,
        address culprit,
        bytes32 proof,
        bytes32 evidence
    ) private {
        if (isProven[proof]) revert IArbitration.AlreadyProven(proof);
        isProven[proof] = true;
        emit IArbitration.RoleEquivocationProven(culprit, proof, evidence, msg.sender);
    }

    function _oneSigner(bytes32 one, bytes calldata firstSignature, bytes32 two, bytes calldata secondSignature)
        private
        pure
        returns (address signer)
    {
        signer = Signatures.signer(one, firstSignature);
        address other = Signatures.signer(two, secondSignature);
        if (signer != other || signer == address(0)) revert IArbitration.DifferentSigners(signer, other);
    }

    function _inRegistry(Modules memory modules, bytes32 structHash) private view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                DOMAIN_TYPEHASH, keccak256("GPU Bourse"), keccak256("1"), block.chainid, address(modules.registry)
            )
        );
        return MessageHashUtils.toTypedDataHash(domain, structHash);
    }
}
