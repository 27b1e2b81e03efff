// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IGpuMarket} from "../../contracts/interfaces/IGpuMarket.sol";
import {IProviderRegistry} from "../../contracts/interfaces/IProviderRegistry.sol";
import {Id} from "./Typed.sol";
import {Held} from "./World.sol";

/// @title The rules that hold at every step, read off the state alone
/// @dev Numbers are those of docs/INVARIANTS.md. Each function returns the broken rule, or nothing.
contract Rules {
    IGpuMarket private immutable _market;
    IProviderRegistry private immutable _registry;
    IERC20 private immutable _token;

    constructor(IGpuMarket market) {
        (_market, _registry, _token) = (market, market.registry(), market.paymentToken());
    }

    /// @notice The outer half of rule 1: the tokens there are those of the books.
    function checkTokens(uint256 donated) external view returns (string memory) {
        bool same = _token.balanceOf(address(_market)) == _market.totalHeld() + donated;
        return same ? "" : "1: tokens are not what the books say";
    }

    /// @notice Rule 1 inside the books, to the unit, and the limits of every position (4, 5).
    function check(address[] calldata people, Held[] calldata positions) external view returns (string memory) {
        uint256 held = _market.totalHeld();
        uint256 sum;
        for (uint256 i = 0; i < people.length; ++i) sum += _moneyOf(people[i]);
        for (uint256 i = 0; i < positions.length; ++i) {
            IGpuMarket.PositionState memory position = _market.positionOf(positions[i].series, positions[i].holder);
            (uint256 worth, string memory broken) = _worth(positions[i].series, position);
            if (bytes(broken).length != 0) return broken;
            sum += worth;
        }
        return sum == held ? "" : "1: balances, positions and bonds are not the total";
    }

    function _moneyOf(address account) private view returns (uint256) {
        IProviderRegistry.Bond memory bond = _registry.bondOf(account);
        return uint256(_market.accountOf(account).balance) + bond.bonded + bond.unbonding;
    }

    function _worth(uint256 series, IGpuMarket.PositionState memory position)
        private
        view
        returns (uint256 worth, string memory broken)
    {
        (uint256 start, uint256 ticks) = (Id.start(series), Id.ticks(series));
        uint256 window = position.end - start;
        if (position.units * 3_600 != position.milli * window && position.flags & 2 == 0) {
            return (0, "10: units are not milli times the window");
        }
        uint256 until = block.timestamp < position.end ? block.timestamp : position.end;
        uint256 elapsed = until > start ? until - start : 0;
        if (position.flags & 2 == 0 && position.used > position.milli * elapsed) return (0, "5: more than elapsed");
        if (position.end > start + Id.duration(series)) return (0, "10: an end after the window");
        return (position.units * ticks - position.used * ticks / 3_600, "");
    }

    /// @notice Rule 3: in every hour to come, the calendar says what the open leases need, and no more is sold than
    /// is attested.
    function checkCalendar(
        address provider,
        bytes32 deviceClass,
        uint256 fromHour,
        uint256[] calldata outstanding
    ) external view returns (string memory) {
        IProviderRegistry.Capacity memory capacity = _registry.capacityOf(provider, deviceClass);
        uint256 attested = uint256(capacity.lanes) * capacity.laneMilli;
        for (uint256 i = 0; i < outstanding.length; ++i) {
            if (outstanding[i] > attested) return "3: more sold than attested";
            uint256 lanes = _registry.soldLanes(provider, deviceClass, fromHour + i);
            if (lanes * capacity.laneMilli != outstanding[i]) return "3: the calendar is not what the leases need";
        }
        return "";
    }

    /// @notice Rule 6: nothing is left anywhere but what was burned.
    function checkEmpty(uint256 donated) external view returns (string memory) {
        uint256 burned = _moneyOf(_registry.BURNED());
        if (_market.totalHeld() != burned) return "6: the books still hold money";
        return _token.balanceOf(address(_market)) == donated + burned ? "" : "6: tokens are left";
    }
}
