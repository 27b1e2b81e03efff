// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice What was filled of one order, in one word; kept only for orders that need it.
/// @dev Bits from the lowest: GPU-ms 64, milli 32, fills 32, time of the last fill 40, cost 64.
type OrderRecord is uint256;

/// @title Arithmetic on an order's record
library OrderRecordLib {
    function gpuMs(OrderRecord record) internal pure returns (uint256) {
        return uint64(OrderRecord.unwrap(record));
    }

    function milli(OrderRecord record) internal pure returns (uint256) {
        return uint32(OrderRecord.unwrap(record) >> 64);
    }

    function fills(OrderRecord record) internal pure returns (uint256) {
        return uint32(OrderRecord.unwrap(record) >> 96);
    }

    function filledAt(OrderRecord record) internal pure returns (uint256) {
        return uint40(OrderRecord.unwrap(record) >> 128);
    }

    function cost(OrderRecord record) internal pure returns (uint256) {
        return uint64(OrderRecord.unwrap(record) >> 168);
    }

    function isEmpty(OrderRecord record) internal pure returns (bool) {
        return OrderRecord.unwrap(record) == 0;
    }

    /// @dev Every sum is bounded before it gets here: GPU-ms and cost by the money in the market, milli by the
    /// order or (for asks, which do not use it) masked to its field.
    function add(OrderRecord record, uint256 gpuMs_, uint256 milli_, uint256 cost_)
        internal
        view
        returns (OrderRecord)
    {
        uint256 word = gpuMs(record) + gpuMs_;
        word |= uint256(uint32(milli(record) + milli_)) << 64;
        word |= uint256(uint32(fills(record) + 1)) << 96;
        word |= uint256(uint40(block.timestamp)) << 128;
        return OrderRecord.wrap(word | ((cost(record) + cost_) << 168));
    }
}
