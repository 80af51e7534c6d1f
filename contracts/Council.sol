// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Several offline keys that act as one registrar.
/// @notice An act happens when enough members have approved the very same bytes within a week. Nobody proposes
/// separately: the first approval is the proposal, the last one carries it out.
/// @dev Every change of the members starts a new epoch, in which no approval from before counts.
contract Council {
    uint256 public constant DEADLINE = 7 days;
    uint256 public constant MAX_MEMBERS = 15;

    struct Act {
        uint48 deadline;
        uint8 approvals;
        bool done;
    }

    mapping(address member => bool) public isMember;
    uint8 public members;
    uint8 public threshold;
    uint64 public epoch;

    mapping(bytes32 act => Act) private _acts;
    mapping(bytes32 act => mapping(address member => bool)) private _approved;

    event Approved(bytes32 indexed act, address indexed member, uint8 approvals);
    event Executed(bytes32 indexed act, address indexed target);
    event MembersChanged(uint64 indexed epoch, address indexed left, address indexed joined, uint8 members, uint8 threshold);

    error NotMember(address caller);
    error NotCouncil();
    error MemberInvalid(address member);
    error ThresholdInvalid(uint8 threshold, uint8 members);
    error ActDone(bytes32 act);
    error ActExpired(bytes32 act);
    error ApprovedBefore(bytes32 act, address member);
    error TargetInvalid(address target);

    constructor(address[] memory first, uint8 needed) {
        if (first.length > MAX_MEMBERS) revert ThresholdInvalid(needed, type(uint8).max);
        uint8 count = uint8(first.length);
        if (needed == 0 || needed > count) revert ThresholdInvalid(needed, count);
        for (uint256 i = 0; i < first.length; ++i) {
            if (first[i] == address(0) || isMember[first[i]]) revert MemberInvalid(first[i]);
            isMember[first[i]] = true;
            emit MembersChanged(0, address(0), first[i], uint8(i + 1), needed);
        }
        members = count;
        threshold = needed;
    }

    /// @notice Approves a call of `target` with `data`; the approval that reaches the threshold makes the call. A call
    /// that fails takes that last approval with it, its own reason shown.
    /// @param salt Tells apart acts that are otherwise the same.
    function approve(bytes32 salt, address target, bytes calldata data) external returns (bytes32 id) {
        if (!isMember[msg.sender]) revert NotMember(msg.sender);
        if (target.code.length == 0) revert TargetInvalid(target);
        id = actId(salt, target, data);
        Act storage act = _acts[id];
        if (act.done) revert ActDone(id);
        if (act.deadline == 0) act.deadline = uint48(block.timestamp + DEADLINE);
        if (block.timestamp > act.deadline) revert ActExpired(id);
        if (_approved[id][msg.sender]) revert ApprovedBefore(id, msg.sender);
        _approved[id][msg.sender] = true;
        act.approvals += 1;
        emit Approved(id, msg.sender, act.approvals);
        if (act.approvals >= threshold) {
            act.done = true;
            (bool ok, bytes memory answer) = target.call(data);
            if (!ok) {
                assembly ("memory-safe") {
                    revert(add(answer, 32), mload(answer))
                }
            }
            emit Executed(id, target);
        }
    }

    /// @notice Changes one member and the threshold: `left` or `joined` may be zero. Only by an act of the council.
    function changeMembers(address left, address joined, uint8 needed) external {
        if (msg.sender != address(this)) revert NotCouncil();
        uint8 count = members;
        if (left != address(0)) {
            if (!isMember[left]) revert MemberInvalid(left);
            isMember[left] = false;
            count -= 1;
        }
        if (joined != address(0)) {
            if (isMember[joined]) revert MemberInvalid(joined);
            isMember[joined] = true;
            count += 1;
        }
        if (needed == 0 || needed > count || count > MAX_MEMBERS) revert ThresholdInvalid(needed, count);
        members = count;
        threshold = needed;
        epoch += 1;
        emit MembersChanged(epoch, left, joined, count, needed);
    }

    function actOf(bytes32 id) external view returns (Act memory) {
        return _acts[id];
    }

    /// @notice The name of an act in this epoch.
    function actId(bytes32 salt, address target, bytes calldata data) public view returns (bytes32) {
        return keccak256(abi.encode(epoch, salt, target, keccak256(data)));
    }
}
