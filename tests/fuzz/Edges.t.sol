// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {IArbitration} from "../../contracts/interfaces/IArbitration.sol";
import {IGpuMarket} from "../../contracts/interfaces/IGpuMarket.sol";
import {IProviderRegistry} from "../../contracts/interfaces/IProviderRegistry.sol";
import {IResale} from "../../contracts/interfaces/IResale.sol";
import {OwnedWallet} from "../../contracts/mocks/OwnedWallet.sol";
import {Acknowledgement} from "../../contracts/types/Acknowledgement.sol";
import {Ask} from "../../contracts/types/Ask.sol";
import {Attestation} from "../../contracts/types/Attestation.sol";
import {Bid} from "../../contracts/types/Bid.sol";
import {Revocation} from "../../contracts/types/Revocation.sol";
import {Terms} from "../../contracts/types/Terms.sol";
import {Timing} from "../../contracts/types/Timing.sol";
import {Id, Typed} from "./Typed.sol";
import {Probes} from "./Probes.sol";
import {World} from "./World.sol";
import {vm} from "./Vm.sol";

/// @title Fills and resales in states that random calls seldom meet
contract Edges is World {
    uint32 private constant MILLI = 200;
    uint64 private constant PRICE = 1_000_000;
    /// What MILLI costs for an hour.
    uint256 private constant COST = 200_000;

    Timing private _plain = Timing(60, 10 minutes, 2 hours, 1 hours, 2 hours, 2 hours);
    uint64 private _terms;
    uint64 private _nonce;

    modifier probed() {
        _;
        Probes.save();
    }

    /// @dev One provider with one shared device for two days, and the terms to sell it.
    function setUp() external {
        vm.warp(1_900_800_000);
        _deploy(_plain);
        vm.prank(providers[0]);
        registry.register(operator);
        _payInAndBond(providers[0], 100 * USD);
        for (uint256 i = 0; i < 2; ++i) _payInAndBond(auditors[i], 20 * USD);
        for (uint256 i = 0; i < 2; ++i) _payIn(buyers[i], 100 * USD);
        _terms = _register(SHARED);
        Attestation[] memory list = new Attestation[](1);
        list[0] = _attestation(providers[0]);
        vm.prank(buyers[1]);
        registry.attest(list, _byAuditors(Typed.hash(list[0])));
    }

    function _attestation(address provider) private view returns (Attestation memory attestation) {
        (attestation.provider, attestation.device, attestation.deviceClass) = (provider, "device", SHARED);
        (attestation.laneMilli, attestation.evidence) = (100, "evidence");
        attestation.expiry = uint40(block.timestamp + 2 days);
    }

    function _byAuditors(bytes32 structHash) private returns (bytes[][] memory signatures) {
        signatures = new bytes[][](1);
        signatures[0] = new bytes[](2);
        for (uint256 i = 0; i < 2; ++i) signatures[0][i] = _sign(auditors[i], registryDomain, structHash);
    }

    function _register(bytes32 deviceClass) private returns (uint64) {
        Terms memory terms;
        (terms.deviceClass, terms.isolation, terms.step) = (deviceClass, 2, 100);
        (terms.receiptInterval, terms.unsignedIntervals) = (60, 5);
        (terms.interruptible, terms.notice) = (true, 60);
        vm.prank(providers[0]);
        return registry.registerTerms(terms);
    }

    // ------------------------------------------------------------------ orders

    function _pair(address seller, address buyer, uint256 start) private returns (IGpuMarket.AskGroup[] memory groups) {
        groups = new IGpuMarket.AskGroup[](1);
        Ask memory ask = groups[0].ask;
        (ask.seller, ask.terms, ask.pricePerGpuHour, ask.nonce) = (seller, _terms, PRICE, _nonce++);
        (ask.windowStart, ask.windowEnd) = (uint40(start), uint40(start + 1 hours));
        (ask.validFrom, ask.deadline) = (uint40(block.timestamp), uint40(block.timestamp + 5 minutes));
        groups[0].fills = new IGpuMarket.BidFill[](1);
        IGpuMarket.BidFill memory fill = groups[0].fills[0];
        (fill.milli, fill.start, fill.duration, fill.pricePerGpuHour) = (MILLI, uint40(start), 1 hours, PRICE);
        Bid memory bid = fill.bid;
        (bid.buyer, bid.deviceClasses, bid.milli, bid.maxDuration) = (buyer, SHARED, MILLI, 1 hours);
        (bid.maxPricePerGpuHour, bid.nonce, bid.interruptible) = (PRICE, _nonce++, true);
        (bid.windowStart, bid.windowEnd) = (ask.windowStart, ask.windowEnd);
        (bid.validFrom, bid.deadline) = (ask.validFrom, ask.deadline);
    }

    /// @dev Of half of what `_pair` sells.
    function _offer(uint256 series, address seller, address buyer)
        private
        returns (IGpuMarket.AskGroup[] memory groups)
    {
        groups = _pair(seller, buyer, Id.start(series));
        (groups[0].ask.terms, groups[0].ask.series) = (0, series);
        (groups[0].fills[0].milli, groups[0].fills[0].bid.milli) = (MILLI / 2, MILLI / 2);
    }

    /// @return Why the one bid was skipped; zero where it was filled.
    function _sell(address venue, IGpuMarket.AskGroup[] memory groups, address signer) private returns (bytes4) {
        groups[0].signature = _signed(groups[0].ask.seller, Typed.hash(groups[0].ask));
        groups[0].fills[0].signature = _signed(signer, Typed.hash(groups[0].fills[0].bid));
        vm.prank(stranger);
        return IResale(venue).fill(groups)[0][0];
    }

    function _signed(address who, bytes32 structHash) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keys[who], Typed.digest(marketDomain, structHash));
        return abi.encodePacked(r, s, v);
    }

    /// @dev A position of the first buyer.
    function _sold(uint256 start) private returns (uint256 series) {
        address buyer = buyers[0];
        require(_sell(address(market), _pair(providers[0], buyer, start), buyer) == 0, "sold");
        series = Id.pack(start, 1 hours, PRICE / 1_000, 100, _terms);
        require(market.positionOf(series, buyer).units == MILLI, "held");
    }

    // ------------------------------------------------------------------ tests

    function test_wallets__thatAreContracts__signByTheirOwner() external probed {
        OwnedWallet wallet = new OwnedWallet(buyers[0]);
        _mintAndAllow(buyers[0], 10 * USD);
        vm.prank(buyers[0]);
        market.depositFor(address(wallet), 10 * USD);
        uint256 start = block.timestamp + 3 hours;
        bytes4 reason = _sell(address(market), _pair(providers[0], address(wallet), start), buyers[1]);
        require(reason == IGpuMarket.BadSignature.selector, "not its owner");
        reason = _sell(address(market), _pair(providers[0], address(wallet), start), buyers[0]);
        require(reason == 0 && _balance(address(wallet)) == 10 * USD - COST, "its owner");
    }

    function test_positions__cutBeforeTheirStart__takeNoMoreUnits() external probed {
        uint256 start = block.timestamp + 3 hours;
        uint256 series = _sold(start);
        vm.prank(buyers[0]);
        IERC1155(address(market)).safeTransferFrom(buyers[0], buyers[1], series, MILLI / 2, "");
        vm.prank(providers[0]);
        IArbitration(arbitration).interrupt(series, buyers[1]);
        bytes4 reason = _sell(address(market), _pair(providers[0], buyers[1], start), buyers[1]);
        require(reason == IGpuMarket.PositionNotOpen.selector, "bought");
        reason = _sell(resale, _offer(series, buyers[0], buyers[1]), buyers[1]);
        require(reason == IGpuMarket.PositionNotOpen.selector, "bought from a holder");
    }

    function test_offers__outOfTheirLimits__areSkipped() external probed {
        uint256 series = _sold(block.timestamp + 3 hours);
        IGpuMarket.AskGroup[] memory groups = _offer(series, buyers[0], buyers[1]);
        groups[0].ask.nonce = 2 ** 32;
        require(_sell(resale, groups, buyers[1]) == IGpuMarket.NonceSpent.selector, "nonce");
        groups = _offer(series, buyers[0], buyers[1]);
        groups[0].fills[0].bid.budget = uint128(COST / 2 - 1);
        require(_sell(resale, groups, buyers[1]) == IGpuMarket.OverBudget.selector, "budget");
        groups[0].fills[0].bid.budget = uint128(COST / 2);
        require(_sell(resale, groups, buyers[1]) == 0, "sold");
    }

    function test_attestations__thatLapsed__endWhatIsNotBegun() external probed {
        require(registry.isLapsed(_register(H100)), "no device of the class");
        uint256 series = _sold(block.timestamp + 3 days);
        vm.warp(block.timestamp + 2 days);
        bytes4 reason = _sell(resale, _offer(series, buyers[0], buyers[1]), buyers[1]);
        require(reason == IProviderRegistry.AttestationExpired.selector, "resold");
        IGpuMarket.Closing[] memory closings = new IGpuMarket.Closing[](1);
        closings[0] = IGpuMarket.Closing(series, buyers[0]);
        vm.prank(stranger);
        require(market.close(closings)[0] == IGpuMarket.CloseTooEarly.selector, "closed by a stranger");
        vm.prank(buyers[0]);
        require(market.close(closings)[0] == 0 && _balance(buyers[0]) == 100 * USD, "all comes back");
    }

    function test_providers__withoutTheirBond__sellNothing() external probed {
        vm.prank(providers[0]);
        registry.requestUnbonding(uint64(100 * USD));
        bytes4 reason = _sell(address(market), _pair(providers[0], buyers[0], block.timestamp + 3 hours), buyers[0]);
        require(reason == IProviderRegistry.BondTooLow.selector, "sold");
    }

    // ------------------------------------------------------------------ roles

    function test_revocations__ofWhatIsRevoked__areRefused() external probed {
        Revocation[] memory list = new Revocation[](1);
        list[0] = Revocation("device", registry.deviceOf("device").expiry, "evidence");
        bytes[][] memory signatures = _byAuditors(Typed.hash(list[0]));
        registry.revoke(list, signatures);
        require(registry.isLapsed(_terms), "its class sells nothing");
        (bool done, bytes memory result) =
            address(registry).call(abi.encodeCall(IProviderRegistry.revoke, (list, signatures)));
        require(!done && bytes4(result) == IProviderRegistry.NotRevocable.selector, "revoked twice");
    }

    /// @dev Half of what is there is burned.
    function test_auditors__bondedBelowTheRoleBond__loseAllOfIt() external probed {
        _payInAndBond(auditors[2], 4 * USD);
        (Attestation memory one, Attestation memory two) = (_attestation(providers[0]), _attestation(providers[1]));
        bytes memory first = _sign(auditors[2], registryDomain, Typed.hash(one));
        bytes memory second = _sign(auditors[2], registryDomain, Typed.hash(two));
        vm.prank(stranger);
        IArbitration(arbitration).proveAttestations(one, first, two, second);
        require(registry.bondOf(auditors[2]).bonded == 0 && _balance(stranger) == 2 * USD, "half to whoever proves");
    }

    function test_operators__withoutABond__haveNothingToLose() external probed {
        IGpuMarket.AskGroup[] memory groups = _pair(providers[0], buyers[0], block.timestamp + 3 hours);
        Bid memory bid = groups[0].fills[0].bid;
        (groups[0].ask.filler, bid.filler) = (stranger, stranger);
        require(_sell(address(market), groups, buyers[0]) == 0, "sold");
        bytes32 order = Typed.digest(marketDomain, Typed.hash(bid));
        Acknowledgement memory word = Acknowledgement(order, 2, 1, uint40(block.timestamp - 1));
        bytes memory signature = _sign(stranger, marketDomain, Typed.hash(word));
        (bool done, bytes memory result) =
            arbitration.call(abi.encodeCall(IArbitration.proveCancelledBid, (bid, word, signature)));
        require(!done && bytes4(result) == IArbitration.NothingToSlash.selector, "slashed");
    }
}
