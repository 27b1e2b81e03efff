// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SeriesId} from "../libraries/SeriesId.sol";
import {Units} from "../libraries/Units.sol";
import {Acknowledgement, AcknowledgementLib} from "../types/Acknowledgement.sol";
import {Ask, AskLib} from "../types/Ask.sol";
import {AskConstraints, AskConstraintsLib} from "../types/AskConstraints.sol";
import {Attestation, AttestationLib} from "../types/Attestation.sol";
import {Revocation, RevocationLib} from "../types/Revocation.sol";
import {Bid, BidLib} from "../types/Bid.sol";
import {BidConstraints, BidConstraintsLib} from "../types/BidConstraints.sol";
import {Inventory, InventoryLib} from "../types/Inventory.sol";
import {Receipt, ReceiptLib} from "../types/Receipt.sol";
import {UsageGroup, UsageGroupLib} from "../types/UsageGroup.sol";
import {Verdict, VerdictLib} from "../types/Verdict.sol";
import {Voucher, VoucherLib} from "../types/Voucher.sol";

/// @title Every struct hash and unit rule, for the tests that hold them against the Python twins
contract TypesHarness is EIP712 {
    constructor() EIP712("GPU Bourse", "1") {}

    function digest(bytes32 structHash) external view returns (bytes32) {
        return _hashTypedDataV4(structHash);
    }

    function hashAsk(Ask calldata ask) external pure returns (bytes32) {
        return AskLib.hash(ask);
    }

    function hashAskConstraints(AskConstraints calldata constraints) external pure returns (bytes32) {
        return AskConstraintsLib.hash(constraints);
    }

    function hashBid(Bid calldata bid) external pure returns (bytes32) {
        return BidLib.hash(bid);
    }

    function hashBidConstraints(BidConstraints calldata constraints) external pure returns (bytes32) {
        return BidConstraintsLib.hash(constraints);
    }

    function hashReceipt(Receipt calldata receipt) external pure returns (bytes32) {
        return ReceiptLib.hash(receipt);
    }

    function hashVoucher(Voucher calldata voucher) external pure returns (bytes32) {
        return VoucherLib.hash(voucher);
    }

    function hashUsageGroup(UsageGroup calldata group) external pure returns (bytes32) {
        return UsageGroupLib.hash(group);
    }

    function hashRevocation(Revocation calldata revocation) external pure returns (bytes32) {
        return RevocationLib.hash(revocation);
    }

    function hashAttestation(Attestation calldata attestation) external pure returns (bytes32) {
        return AttestationLib.hash(attestation);
    }

    function hashInventory(Inventory calldata inventory) external pure returns (bytes32) {
        return InventoryLib.hash(inventory);
    }

    function hashAcknowledgement(Acknowledgement calldata acknowledgement) external pure returns (bytes32) {
        return AcknowledgementLib.hash(acknowledgement);
    }

    function hashVerdict(Verdict calldata verdict) external pure returns (bytes32) {
        return VerdictLib.hash(verdict);
    }

    function seriesId(uint256 start, uint256 duration, uint256 ticks, uint256 step, uint256 terms)
        external
        pure
        returns (uint256)
    {
        return SeriesId.pack(start, duration, ticks, step, terms);
    }

    function seriesParts(uint256 id) external pure returns (uint256, uint256, uint256, uint256, uint256) {
        return (
            SeriesId.start(id), SeriesId.duration(id), SeriesId.ticks(id), SeriesId.step(id), SeriesId.terms(id)
        );
    }

    function cost(uint256 units, uint256 ticks) external pure returns (uint256) {
        return Units.cost(units, ticks);
    }

    function paymentDown(uint256 used, uint256 ticks) external pure returns (uint256) {
        return Units.paymentDown(used, ticks);
    }

    function shareDown(uint256 amount, uint256 bps) external pure returns (uint256) {
        return Units.shareDown(amount, bps);
    }
}
