// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

/// @title A wallet that answers whatever it likes when it is asked for a signature
contract HostileWallet {
    enum Answer {
        YES,
        NO,
        NOTHING,
        SHORT,
        DIRTY,
        BOMB,
        REVERT,
        REVERT_BOMB,
        BURN,
        REENTER
    }

    /// Zeros that 50,000 gas still pay for.
    uint256 private constant BOMB_BYTES = 90_000;

    Answer public answer;
    address public target;
    bytes public attack;

    function set(Answer answer_) external {
        answer = answer_;
    }

    /// @notice Call `target` with `data` whenever it is asked, and say yes where the call went through.
    function arm(address target_, bytes calldata data) external {
        (answer, target, attack) = (Answer.REENTER, target_, data);
    }

    /// @dev A fallback answers with bytes as they are: any length, no encoding.
    fallback(bytes calldata) external returns (bytes memory) {
        bytes memory yes = abi.encode(IERC1271.isValidSignature.selector);
        if (answer == Answer.NO) return abi.encode(bytes4(0xffffffff));
        if (answer == Answer.NOTHING) return "";
        if (answer == Answer.SHORT) return bytes.concat(IERC1271.isValidSignature.selector);
        if (answer == Answer.DIRTY) return abi.encode(uint256(bytes32(yes)) | 1);
        if (answer == Answer.BOMB) return new bytes(BOMB_BYTES);
        if (answer == Answer.REVERT) revert("no");
        if (answer == Answer.REVERT_BOMB) revert(string(new bytes(BOMB_BYTES / 2)));
        if (answer == Answer.BURN) while (true) {}
        if (answer == Answer.REENTER) {
            (bool done,) = target.call(attack);
            if (!done) return "";
        }
        return yes;
    }
}
