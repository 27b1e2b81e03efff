// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Acknowledgement} from "../../contracts/types/Acknowledgement.sol";
import {Ask} from "../../contracts/types/Ask.sol";
import {Attestation} from "../../contracts/types/Attestation.sol";
import {Bid} from "../../contracts/types/Bid.sol";
import {Receipt} from "../../contracts/types/Receipt.sol";
import {Revocation} from "../../contracts/types/Revocation.sol";
import {UsageGroup} from "../../contracts/types/UsageGroup.sol";
import {Verdict} from "../../contracts/types/Verdict.sol";
import {Voucher} from "../../contracts/types/Voucher.sol";

/// @title Digests and ids as the specification states them, written a second time
/// @dev Nothing here calls the contracts' own libraries: an error in those must not be copied.
library Typed {
    bytes32 private constant DOMAIN =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant ASK = keccak256(
        "Ask(address seller,uint64 terms,uint64 pricePerGpuHour,uint40 windowStart,uint40 windowEnd,uint40 validFrom,"
        "uint40 deadline,uint64 nonce,uint32 epoch,uint32 minMilli,uint32 maxMilli,uint32 minDuration,"
        "uint32 maxDuration,uint32 maxFills,uint64 quantity,uint256 series,address filler,AskConstraints constraints)"
        "AskConstraints(uint8 timeInForce,bool postOnly,address[] allow,address[] deny)"
    );
    bytes32 private constant BID = keccak256(
        "Bid(address buyer,bytes32 deviceClasses,uint32 milli,uint32 minMilli,uint40 windowStart,uint40 windowEnd,"
        "uint32 minDuration,uint32 maxDuration,uint64 maxPricePerGpuHour,uint40 validFrom,uint40 deadline,uint64 nonce,"
        "uint32 epoch,uint8 minIsolation,uint128 budget,uint16 maxReservationFeeBps,uint16 minSlaCreditBps,"
        "bool interruptible,uint32 minNotice,uint32 arbiterSet,uint32 maxFills,address filler,"
        "BidConstraints constraints)"
        "BidConstraints(uint8 timeInForce,bool postOnly,string[] regions,uint32 minMemoryMib,uint64 minBondPerMilli,"
        "uint16 minReliabilityBps,uint32 minTokensPerKilojoule,uint32 minTokensPerSecondPerDollar,string[] evidence,"
        "uint16 gangDevices,bool gangSpread,address[] allow,address[] deny)"
    );
    bytes32 private constant VOUCHER = keccak256(
        "Voucher(uint256 series,address holder,uint64 usedGpuMs,uint32 missedIntervals,bool isFinal,bytes32 receipt)"
    );
    bytes32 private constant USAGE_GROUP =
        keccak256("UsageGroup(address holder,uint64 terms,uint16 step,uint256[] items)");
    bytes32 private constant ATTESTATION = keccak256(
        "Attestation(address provider,bytes32 device,bytes32 parent,bytes32 deviceClass,uint16 laneMilli,uint40 expiry,"
        "bytes32 evidence,bool simulated)"
    );
    bytes32 private constant REVOCATION = keccak256("Revocation(bytes32 device,uint40 expiry,bytes32 evidence)");
    bytes32 private constant VERDICT =
        keccak256("Verdict(uint256 series,address holder,uint32 number,uint8 outcome,bytes32 evidence)");
    bytes32 private constant ACKNOWLEDGEMENT =
        keccak256("Acknowledgement(bytes32 order,uint8 action,uint64 sequence,uint40 at)");
    bytes32 private constant RECEIPT = keccak256(
        "Receipt(uint256 series,address holder,uint32 sequence,uint40 intervalStart,uint40 intervalEnd,uint64 usedGpuMs,"
        "bytes32 samplesRoot,bytes32 previous,bytes32[] devices,uint32 missedIntervals,uint64 tokens,"
        "uint64 energyMillijoules,bool energyMeasured,bool isFinal,bool simulated)"
    );
    bytes32 private constant PERMIT =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");

    function domain(string memory name, address place) internal view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN, keccak256(bytes(name)), keccak256("1"), block.chainid, place));
    }

    function digest(bytes32 domain_, bytes32 structHash) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", domain_, structHash));
    }

    function hash(Ask memory ask) internal pure returns (bytes32) {
        return keccak256(abi.encode(ASK, ask));
    }

    function hash(Bid memory bid) internal pure returns (bytes32) {
        return keccak256(abi.encode(BID, bid));
    }

    function hash(Voucher memory voucher) internal pure returns (bytes32) {
        return keccak256(abi.encode(VOUCHER, voucher));
    }

    function hash(Attestation memory attestation) internal pure returns (bytes32) {
        return keccak256(abi.encode(ATTESTATION, attestation));
    }

    function hash(Revocation memory revocation) internal pure returns (bytes32) {
        return keccak256(abi.encode(REVOCATION, revocation));
    }

    function hash(UsageGroup memory group) internal pure returns (bytes32) {
        bytes32 items = keccak256(abi.encodePacked(group.items));
        return keccak256(abi.encode(USAGE_GROUP, group.holder, group.terms, group.step, items));
    }

    function hash(Verdict memory verdict) internal pure returns (bytes32) {
        return keccak256(abi.encode(VERDICT, verdict));
    }

    function hash(Acknowledgement memory word) internal pure returns (bytes32) {
        return keccak256(abi.encode(ACKNOWLEDGEMENT, word));
    }

    function hash(Receipt memory r) internal pure returns (bytes32) {
        bytes32 devices = keccak256(abi.encodePacked(r.devices));
        bytes memory head = abi.encode(
            RECEIPT, r.series, r.holder, r.sequence, r.intervalStart, r.intervalEnd, r.usedGpuMs, r.samplesRoot
        );
        bytes memory tail = abi.encode(
            r.previous, devices, r.missedIntervals, r.tokens, r.energyMillijoules, r.energyMeasured, r.isFinal
        );
        return keccak256(bytes.concat(head, tail, abi.encode(r.simulated)));
    }

    function permit(address owner, address spender, uint256 value, uint256 nonce, uint256 deadline)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(PERMIT, owner, spender, value, nonce, deadline));
    }
}

/// @title What one series id says
library Id {
    function pack(uint256 start_, uint256 duration_, uint256 ticks_, uint256 step_, uint256 terms_)
        internal
        pure
        returns (uint256)
    {
        return start_ + duration_ * 2 ** 40 + ticks_ * 2 ** 64 + step_ * 2 ** 104 + terms_ * 2 ** 120;
    }

    function start(uint256 id) internal pure returns (uint256) {
        return id % 2 ** 40;
    }

    function duration(uint256 id) internal pure returns (uint256) {
        return (id / 2 ** 40) % 2 ** 24;
    }

    function ticks(uint256 id) internal pure returns (uint256) {
        return (id / 2 ** 64) % 2 ** 40;
    }

    function step(uint256 id) internal pure returns (uint256) {
        return (id / 2 ** 104) % 2 ** 16;
    }

    function terms(uint256 id) internal pure returns (uint64) {
        return uint64(id / 2 ** 120);
    }
}
