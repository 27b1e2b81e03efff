// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IGpuMarket} from "./IGpuMarket.sol";

/// @title Sales between holders
/// @notice An ask that names a series (and no terms) sells units that its maker holds. The buyer pays the seller at the
/// ask's price, less the fee of the terms; the escrow, the provider and the price of the series stay as they are and go
/// with the units. Orders are those of the market, in its EIP-712 domain, with its nonces, epochs and records: a bid that
/// was filled in part by providers continues here, and the other way round. Holds nothing and has no roles.
/// @dev Units sell in whole steps over the whole window of the series, until `FREEZE` before its start, out of and into
/// positions without flags. `BidFill.start` and `duration` are those of the series. No receiver callback: the buyer
/// signed. A failing element changes nothing and is skipped; its reason is the selector of an error of this interface,
/// of the market's (ERC-1155 errors included) or of the registry's.
///
/// Price: what a buyer gets back for unused, unserved or lapsed time is the price of the series. A bid that names
/// device classes therefore never pays more than that, or a provider could sell to itself for next to nothing, resell to
/// a signed bid at full price and not serve. Whoever accepts a premium names the series: the leaf
/// `keccak256(abi.encode(series))` in place of, or beside, the classes under `bid.deviceClasses`.
///
/// Lapsed attestation: refused, as in a fill. The bid asked for a class and an isolation that nobody vouches for any
/// more; the holder is not stuck, because it may close with a full refund. A bond that fell below the minimum does
/// not stop a resale: what covers this lease stays bonded until its last case is over.
interface IResale {
    error SellerIsBuyer(address account);
    /// @notice The bid names device classes, not this series, and would pay more than the series costs.
    error AboveSeriesPrice(uint256 price, uint256 seriesPrice);

    /// @notice `bidDigest` is zero where the ask itself fails and all its bids with it. A sale that went through is the
    /// market's `Resold`.
    event ResaleSkipped(bytes32 indexed askDigest, bytes32 indexed bidDigest, bytes4 reason);

    /// @notice Pair signed asks of holders with signed bids. Anybody may call where the orders name no filler; a pause
    /// stops it.
    /// @return reasons One for each bid of each group; zero where it was filled.
    function fill(IGpuMarket.AskGroup[] calldata groups) external returns (bytes4[][] memory reasons);

    function market() external view returns (IGpuMarket);
}
