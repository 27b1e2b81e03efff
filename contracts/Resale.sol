// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1155Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {IGpuMarket} from "./interfaces/IGpuMarket.sol";
import {IProviderRegistry} from "./interfaces/IProviderRegistry.sol";
import {IResale} from "./interfaces/IResale.sol";
import {Account, AccountLib} from "./libraries/Account.sol";
import {OrderRecord, OrderRecordLib} from "./libraries/OrderRecord.sol";
import {OrderRules} from "./libraries/OrderRules.sol";
import {SeriesId} from "./libraries/SeriesId.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {Units} from "./libraries/Units.sol";
import {Ask, AskLib} from "./types/Ask.sol";
import {Bid, BidLib} from "./types/Bid.sol";
import {SaleTerms} from "./types/Terms.sol";

/// @title Sales between holders
contract Resale is IResale {
    using AccountLib for Account;
    using OrderRecordLib for OrderRecord;
    using SeriesId for uint256;

    /// @inheritdoc IResale
    IGpuMarket public immutable market;

    /// @dev What the market is built with; read once a batch, because it is created after this contract.
    struct Venue {
        IProviderRegistry registry;
        bytes32 domain;
        uint256 freeze;
    }

    /// @dev What one ask means to all its bids.
    struct Offer {
        bytes32 askDigest;
        SaleTerms terms;
        OrderRecord record;
        /// What the seller still holds.
        uint256 units;
    }

    constructor(IGpuMarket market_) {
        market = market_;
    }

    /// @inheritdoc IResale
    function fill(IGpuMarket.AskGroup[] calldata groups) external returns (bytes4[][] memory reasons) {
        if (market.parameters().paused()) revert IGpuMarket.FillsPaused();
        Venue memory venue = Venue(market.registry(), market.DOMAIN_SEPARATOR(), market.FREEZE());
        reasons = new bytes4[][](groups.length);
        for (uint256 i = 0; i < groups.length; ++i) reasons[i] = _fillGroup(venue, groups[i]);
    }

    function _fillGroup(Venue memory venue, IGpuMarket.AskGroup calldata group)
        private
        returns (bytes4[] memory reasons)
    {
        uint256 bids = group.fills.length;
        reasons = new bytes4[](bids);
        (Offer memory offer, bytes4 refusal) = _openOffer(venue, group.ask, group.signature);
        if (refusal != 0) {
            emit ResaleSkipped(offer.askDigest, 0, refusal);
            for (uint256 i = 0; i < bids; ++i) reasons[i] = refusal;
            return reasons;
        }
        for (uint256 i = 0; i < bids; ++i) {
            bytes32 digest = MessageHashUtils.toTypedDataHash(venue.domain, BidLib.hash(group.fills[i].bid));
            refusal = _sell(group.ask, offer, group.fills[i], digest);
            reasons[i] = refusal;
            if (refusal != 0) emit ResaleSkipped(offer.askDigest, digest, refusal);
        }
    }

    function _openOffer(Venue memory venue, Ask calldata ask, bytes calldata signature)
        private
        view
        returns (Offer memory offer, bytes4 refusal)
    {
        offer.askDigest = MessageHashUtils.toTypedDataHash(venue.domain, AskLib.hash(ask));
        if (ask.series == 0 || ask.terms != 0) return (offer, IGpuMarket.WrongMarket.selector);
        refusal = OrderRules.validity(ask.validFrom, ask.deadline, ask.filler);
        if (refusal != 0) return (offer, refusal);
        // Whatever is held arose by a fill: its id is a valid one, of registered terms.
        IGpuMarket.PositionState memory position = market.positionOf(ask.series, ask.seller);
        if (position.units == 0) return (offer, IGpuMarket.NoPosition.selector);
        if (position.flags != 0) return (offer, IGpuMarket.PositionNotOpen.selector);
        if (block.timestamp + venue.freeze >= ask.series.start()) return (offer, IGpuMarket.TransfersFrozen.selector);
        uint64 number = ask.series.terms();
        if (venue.registry.isLapsed(number)) return (offer, IProviderRegistry.AttestationExpired.selector);
        Account account = _accountOf(ask.seller);
        if (account.epoch() != ask.epoch) return (offer, IGpuMarket.EpochMismatch.selector);
        if (!account.isOpen(ask.nonce)) return (offer, IGpuMarket.NonceSpent.selector);
        if (!Signatures.isValid(ask.seller, offer.askDigest, signature)) {
            return (offer, IGpuMarket.BadSignature.selector);
        }
        (offer.units, offer.terms) = (position.units, venue.registry.saleTerms(number));
        if (OrderRules.keepsRecord(ask)) offer.record = _recordOf(offer.askDigest);
    }

    /// @dev `resell` must not revert, or one element would sink the batch: all that it requires is checked before.
    function _sell(Ask calldata ask, Offer memory offer, IGpuMarket.BidFill calldata wanted, bytes32 bidDigest)
        private
        returns (bytes4 refusal)
    {
        Bid calldata bid = wanted.bid;
        refusal = _pair(ask, offer.terms, wanted);
        uint256 gpuMs = uint256(wanted.milli) * wanted.duration;
        if (refusal == 0) refusal = OrderRules.askRest(ask, offer.record, gpuMs);
        if (refusal != 0) return refusal;
        uint256 units = gpuMs / Units.LOT;
        if (units > offer.units) return IERC1155Errors.ERC1155InsufficientBalance.selector;

        uint256 payment = Units.cost(units, wanted.pricePerGpuHour / Units.TICK);
        OrderRecord record;
        if (OrderRules.keepsRecord(bid)) record = _recordOf(bidDigest);
        refusal = OrderRules.bidRest(bid, record, wanted.milli, payment);
        if (refusal == 0) refusal = OrderRules.buyer(bid, _accountOf(bid.buyer), payment);
        if (refusal != 0) return refusal;
        if (market.positionOf(ask.series, bid.buyer).flags != 0) return IGpuMarket.PositionNotOpen.selector;
        if (!Signatures.isValid(bid.buyer, bidDigest, wanted.signature)) return IGpuMarket.BadSignature.selector;

        offer.units -= units;
        offer.record = offer.record.add(gpuMs, wanted.milli, payment);
        _resell(ask, offer, wanted, bidDigest, record.add(gpuMs, wanted.milli, payment));
    }

    /// @dev The payment fits 64 bits: the buyer's balance does, and is not less.
    function _resell(
        Ask calldata ask,
        Offer memory offer,
        IGpuMarket.BidFill calldata wanted,
        bytes32 bidDigest,
        OrderRecord record
    ) private {
        Bid calldata bid = wanted.bid;
        uint256 units = uint256(wanted.milli) * wanted.duration / Units.LOT;
        uint256 payment = Units.cost(units, wanted.pricePerGpuHour / Units.TICK);
        market.resell(
            IGpuMarket.SeriesSale({
                askDigest: offer.askDigest,
                bidDigest: bidDigest,
                seller: ask.seller,
                buyer: bid.buyer,
                series: ask.series,
                units: uint64(units),
                payment: uint64(payment),
                fee: uint64(Units.shareDown(payment, offer.terms.pay.feeBps())),
                bidNonce: bid.nonce,
                spendsBid: OrderRules.isDone(bid, record),
                askRecord: OrderRules.keepsRecord(ask) ? OrderRecord.unwrap(offer.record) : 0,
                bidRecord: OrderRules.keepsRecord(bid) ? OrderRecord.unwrap(record) : 0
            })
        );
    }

    /// @dev The rules of a fill, for the window and the terms of the series.
    function _pair(Ask calldata ask, SaleTerms memory terms, IGpuMarket.BidFill calldata wanted)
        private
        view
        returns (bytes4 refusal)
    {
        if (ask.seller == wanted.bid.buyer) return SellerIsBuyer.selector;
        if (wanted.start != ask.series.start()) return IGpuMarket.WindowOutsideLimits.selector;
        if (wanted.duration != ask.series.duration()) return IGpuMarket.DurationOutsideLimits.selector;
        bytes32 deviceClass = terms.deviceClass;
        bytes32 leaf = keccak256(abi.encode(ask.series));
        bool namesSeries = MerkleProof.verifyCalldata(wanted.classProof, wanted.bid.deviceClasses, leaf);
        // A bid that names the series has accepted its class with it.
        if (namesSeries) terms.deviceClass = leaf;
        refusal = OrderRules.pair(ask, terms, wanted);
        terms.deviceClass = deviceClass;
        if (refusal != 0 || namesSeries) return refusal;
        // What the buyer may get back is the price of the series; paying more takes its word for this very one.
        if (wanted.pricePerGpuHour > ask.series.ticks() * Units.TICK) return AboveSeriesPrice.selector;
    }

    function _accountOf(address account) private view returns (Account) {
        IGpuMarket.AccountState memory state = market.accountOf(account);
        return AccountLib.pack(state.balance, state.epoch, state.firstNonce, state.window);
    }

    function _recordOf(bytes32 order) private view returns (OrderRecord) {
        return OrderRecord.wrap(market.recordOf(order));
    }
}
