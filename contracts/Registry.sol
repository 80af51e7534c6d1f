// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

/// @title The registry that says whose signature counts.
/// @notice Legal entities are here, people never: agencies and their DID documents, which agency may issue which type
/// of credential with which key and for how long, hashes of type metadata, and anchors of status lists and audit logs.
/// @dev Storage holds hashes and versions, events hold the bytes: a document in storage costs twenty times as much.
/// Three rules hold whatever anybody calls: a version only counts up by one, an end is never taken back, and an agency
/// writes under its own name alone. What takes trust away works even while the registry is paused.
contract Registry is AccessControl, Pausable {
    /// @notice Registers and accredits; hands roles over. Meant for a Council of several offline keys.
    bytes32 public constant REGISTRAR_ROLE = keccak256("REGISTRAR");
    /// @notice Anchors roots, nothing else. The one key that a server holds.
    bytes32 public constant ANCHORER_ROLE = keccak256("ANCHORER");

    /// @notice The longest DID document or statement, in bytes.
    uint256 public constant MAX_DOCUMENT = 8192;

    enum State {
        Unknown,
        Active,
        /// Out of use in good order.
        Retired,
        /// Compromised: final.
        Revoked
    }

    struct Agency {
        /// Writes the document. The registrar can set another one, for keys get lost.
        address controller;
        uint32 version;
        /// The block of the last change: each event names the one before, so that a reader walks back without a scan.
        uint48 changedAt;
        /// Active, or Retired: an agency that was dissolved.
        State state;
        /// SHA-256 of the document.
        bytes32 documentHash;
    }

    struct Accreditation {
        /// Seconds since 1970: accredited from, and before.
        uint64 from;
        uint64 until;
        /// When it was retired or known to be compromised.
        uint64 endedAt;
        uint32 version;
        State state;
        /// SHA-256 of the registrar's statement.
        bytes32 statementHash;
    }

    struct Schema {
        uint32 version;
        bytes32 hash;
    }

    struct Anchor {
        uint64 position;
        bytes32 root;
    }

    /// @notice The name of the network, the second part of every DID: `did:mapae:<network>:<agency>`.
    bytes32 public network;

    uint256 private _registrars;
    mapping(bytes32 agency => Agency) private _agencies;
    mapping(bytes32 id => Accreditation) private _accreditations;
    mapping(bytes32 credentialType => Schema) private _schemas;
    mapping(bytes32 origin => Anchor) private _checkpoints;
    mapping(bytes32 role => mapping(address holder => address heir)) private _offers;
    Anchor private _statusLists;

    /// @notice A DID document of an agency, whole.
    event AgencyDocument(
        bytes32 indexed agency,
        uint32 indexed version,
        address indexed author,
        bytes32 documentHash,
        uint48 previousChange,
        bytes document
    );
    event AgencyController(bytes32 indexed agency, address indexed controller, address indexed author);
    event AgencyDeactivated(bytes32 indexed agency, uint32 indexed version, address indexed author, uint48 previousChange);

    /// @notice `statement` is the registrar's own signature over the accreditation: a list that carries it can leave
    /// an entry out, never invent one.
    event Accredited(
        bytes32 indexed agency,
        bytes32 indexed credentialType,
        bytes32 indexed key,
        uint32 version,
        uint64 from,
        uint64 until,
        bytes statement
    );
    event AccreditationRetired(
        bytes32 indexed agency, bytes32 indexed credentialType, bytes32 indexed key, uint64 endedAt, address author
    );
    event AccreditationRevoked(
        bytes32 indexed agency, bytes32 indexed credentialType, bytes32 indexed key, uint64 endedAt, address author
    );
    event SchemaSet(bytes32 indexed credentialType, uint32 indexed version, bytes32 hash, string name);
    /// @notice One root over (list, version, hash) of every status list, as of a minute.
    event StatusListsAnchored(uint64 indexed minute, bytes32 root, uint32 lists);
    /// @notice The tree head of an audit log.
    event CheckpointAnchored(bytes32 indexed origin, uint64 indexed size, bytes32 root);
    event RoleOffered(bytes32 indexed role, address indexed from, address indexed to);

    error AgencyExists(bytes32 agency);
    error AgencyUnknown(bytes32 agency);
    error AgencyInactive(bytes32 agency);
    /// @notice The caller is neither the agency's controller nor a registrar.
    error NotTheAgency(bytes32 agency, address caller);
    error VersionConflict(uint32 current, uint32 given);
    error DocumentSize(uint256 size, uint256 most);
    error PeriodInvalid(uint64 from, uint64 until);
    error AccreditationUnknown(bytes32 agency, bytes32 credentialType, bytes32 key);
    /// @notice It ended, and an end is never taken back.
    error AccreditationEnded(State state);
    error AnchorStale(uint64 last, uint64 given);
    error ValueMissing();
    error NotOffered(bytes32 role, address from, address to);
    error LastRegistrar();

    constructor(bytes32 name, address registrar, address anchorer) {
        if (name == 0 || registrar == address(0)) revert ValueMissing();
        network = name;
        _setRoleAdmin(REGISTRAR_ROLE, REGISTRAR_ROLE);
        _setRoleAdmin(ANCHORER_ROLE, REGISTRAR_ROLE);
        _grantRole(REGISTRAR_ROLE, registrar);
        if (anchorer != address(0)) _grantRole(ANCHORER_ROLE, anchorer);
    }

    // ------------------------------------------------------------------ agencies

    /// @notice Enters an agency with its first document, version 1.
    /// @param agency The institution code in ASCII, left-aligned.
    function registerAgency(bytes32 agency, address controller, bytes calldata document)
        external
        onlyRole(REGISTRAR_ROLE)
        whenNotPaused
    {
        if (agency == 0 || controller == address(0)) revert ValueMissing();
        if (_agencies[agency].state != State.Unknown) revert AgencyExists(agency);
        _agencies[agency].controller = controller;
        _agencies[agency].state = State.Active;
        emit AgencyController(agency, controller, msg.sender);
        _writeDocument(agency, 1, document);
    }

    /// @notice Replaces the document. `version` is one more than the present one: of two writers that read the same
    /// version, one is told.
    function updateDocument(bytes32 agency, uint32 version, bytes calldata document) external whenNotPaused {
        Agency storage it = _active(agency);
        if (msg.sender != it.controller) revert NotTheAgency(agency, msg.sender);
        if (version != it.version + 1) revert VersionConflict(it.version, version);
        _writeDocument(agency, version, document);
    }

    /// @notice Gives an agency another controller: by itself, or by the registrar when its key is lost or stolen.
    function setController(bytes32 agency, address controller) external {
        if (controller == address(0)) revert ValueMissing();
        Agency storage it = _active(agency);
        _onlyAgencyOrRegistrar(agency, it.controller);
        it.controller = controller;
        emit AgencyController(agency, controller, msg.sender);
    }

    /// @notice Ends an agency's DID for good. What its keys issued before holds until it expires.
    function deactivateAgency(bytes32 agency) external {
        Agency storage it = _active(agency);
        _onlyAgencyOrRegistrar(agency, it.controller);
        uint32 version = it.version + 1;
        uint48 previous = it.changedAt;
        it.state = State.Retired;
        it.version = version;
        it.changedAt = uint48(block.number);
        it.documentHash = 0;
        emit AgencyDeactivated(agency, version, msg.sender, previous);
    }

    // ------------------------------------------------------------------ accreditations

    /// @notice Lets an agency issue a type of credential with a key, from and before a second since 1970.
    /// @param credentialType SHA-256 of the `vct`.
    /// @param key RFC 7638 thumbprint (SHA-256) of the issuing key.
    /// @param version 1, or one more than that of the accreditation that this one renews.
    /// @param statement The registrar's signature, a compact JWS.
    function accredit(
        bytes32 agency,
        bytes32 credentialType,
        bytes32 key,
        uint32 version,
        uint64 from,
        uint64 until,
        bytes calldata statement
    ) external onlyRole(REGISTRAR_ROLE) whenNotPaused {
        _active(agency);
        if (credentialType == 0 || key == 0) revert ValueMissing();
        if (from == 0 || until <= from) revert PeriodInvalid(from, until);
        _checkSize(statement);
        Accreditation storage it = _accreditations[accreditationId(agency, credentialType, key)];
        if (it.state == State.Retired || it.state == State.Revoked) revert AccreditationEnded(it.state);
        if (version != it.version + 1) revert VersionConflict(it.version, version);
        it.from = from;
        it.until = until;
        it.version = version;
        it.state = State.Active;
        it.statementHash = sha256(statement);
        emit Accredited(agency, credentialType, key, version, from, until, statement);
    }

    /// @notice Takes a key out of use in good order: what it issued before `end` holds until it expires.
    function retire(bytes32 agency, bytes32 credentialType, bytes32 key, uint64 end) external {
        Accreditation storage it = _toEnd(agency, credentialType, key);
        if (end == 0) revert ValueMissing();
        if (it.state != State.Active) revert AccreditationEnded(it.state);
        it.state = State.Retired;
        it.endedAt = end;
        emit AccreditationRetired(agency, credentialType, key, end, msg.sender);
    }

    /// @notice Says that a key is no longer its owner's alone: nothing signed with it holds, whatever its date.
    function revoke(bytes32 agency, bytes32 credentialType, bytes32 key) external {
        Accreditation storage it = _toEnd(agency, credentialType, key);
        if (it.state == State.Revoked) revert AccreditationEnded(it.state);
        it.state = State.Revoked;
        it.endedAt = uint64(block.timestamp);
        emit AccreditationRevoked(agency, credentialType, key, uint64(block.timestamp), msg.sender);
    }

    // ------------------------------------------------------------------ types and anchors

    /// @notice Fixes the hash of a credential type's metadata.
    function setSchema(string calldata name, uint32 version, bytes32 hash)
        external
        onlyRole(REGISTRAR_ROLE)
        whenNotPaused
    {
        if (hash == 0) revert ValueMissing();
        _checkSize(bytes(name));
        bytes32 credentialType = sha256(bytes(name));
        Schema storage it = _schemas[credentialType];
        if (version != it.version + 1) revert VersionConflict(it.version, version);
        it.version = version;
        it.hash = hash;
        emit SchemaSet(credentialType, version, hash, name);
    }

    /// @notice Anchors one root over all status lists. Minutes only go forward, so that nothing is anchored twice.
    function anchorStatusLists(uint64 minute, bytes32 root, uint32 lists)
        external
        onlyRole(ANCHORER_ROLE)
        whenNotPaused
    {
        if (root == 0) revert ValueMissing();
        if (minute <= _statusLists.position) revert AnchorStale(_statusLists.position, minute);
        _statusLists = Anchor(minute, root);
        emit StatusListsAnchored(minute, root, lists);
    }

    /// @notice Anchors a tree head of an audit log. A log only grows.
    /// @param origin SHA-256 of the log's origin line.
    function anchorCheckpoint(bytes32 origin, uint64 size, bytes32 root)
        external
        onlyRole(ANCHORER_ROLE)
        whenNotPaused
    {
        if (origin == 0 || root == 0) revert ValueMissing();
        Anchor storage it = _checkpoints[origin];
        if (size <= it.position) revert AnchorStale(it.position, size);
        it.position = size;
        it.root = root;
        emit CheckpointAnchored(origin, size, root);
    }

    // ------------------------------------------------------------------ roles and pause

    /// @notice Offers one's own role to another; nothing changes until it is taken.
    function offerRole(bytes32 role, address to) external onlyRole(role) {
        if (to == address(0)) revert ValueMissing();
        _offers[role][msg.sender] = to;
        emit RoleOffered(role, msg.sender, to);
    }

    /// @notice Takes an offered role; the one who offered it has it no more.
    function takeRole(bytes32 role, address from) external {
        if (_offers[role][from] != msg.sender || !hasRole(role, from)) revert NotOffered(role, from, msg.sender);
        delete _offers[role][from];
        _grantRole(role, msg.sender);
        if (from != msg.sender) _revokeRole(role, from);
    }

    function pause() external onlyRole(REGISTRAR_ROLE) {
        _pause();
    }

    function unpause() external onlyRole(REGISTRAR_ROLE) {
        _unpause();
    }

    // ------------------------------------------------------------------ reading

    function agencyOf(bytes32 agency) external view returns (Agency memory) {
        return _agencies[agency];
    }

    function accreditationOf(bytes32 agency, bytes32 credentialType, bytes32 key)
        external
        view
        returns (Accreditation memory)
    {
        return _accreditations[accreditationId(agency, credentialType, key)];
    }

    function schemaOf(bytes32 credentialType) external view returns (Schema memory) {
        return _schemas[credentialType];
    }

    function statusLists() external view returns (Anchor memory) {
        return _statusLists;
    }

    function checkpointOf(bytes32 origin) external view returns (Anchor memory) {
        return _checkpoints[origin];
    }

    /// @notice Under which name an accreditation is kept.
    function accreditationId(bytes32 agency, bytes32 credentialType, bytes32 key) public pure returns (bytes32) {
        return keccak256(abi.encode(agency, credentialType, key));
    }

    // ------------------------------------------------------------------ inside

    function _writeDocument(bytes32 agency, uint32 version, bytes calldata document) private {
        _checkSize(document);
        Agency storage it = _agencies[agency];
        uint48 previous = it.changedAt;
        bytes32 hash = sha256(document);
        it.version = version;
        it.changedAt = uint48(block.number);
        it.documentHash = hash;
        emit AgencyDocument(agency, version, msg.sender, hash, previous, document);
    }

    function _active(bytes32 agency) private view returns (Agency storage it) {
        it = _agencies[agency];
        if (it.state == State.Unknown) revert AgencyUnknown(agency);
        if (it.state != State.Active) revert AgencyInactive(agency);
    }

    function _toEnd(bytes32 agency, bytes32 credentialType, bytes32 key)
        private
        view
        returns (Accreditation storage it)
    {
        it = _accreditations[accreditationId(agency, credentialType, key)];
        if (it.state == State.Unknown) revert AccreditationUnknown(agency, credentialType, key);
        // A dissolved agency's keys can still be known as stolen.
        _onlyAgencyOrRegistrar(agency, _agencies[agency].controller);
    }

    function _onlyAgencyOrRegistrar(bytes32 agency, address controller) private view {
        if (msg.sender != controller && !hasRole(REGISTRAR_ROLE, msg.sender)) revert NotTheAgency(agency, msg.sender);
    }

    function _checkSize(bytes calldata content) private pure {
        if (content.length == 0 || content.length > MAX_DOCUMENT) revert DocumentSize(content.length, MAX_DOCUMENT);
    }

    function _grantRole(bytes32 role, address account) internal override returns (bool granted) {
        granted = super._grantRole(role, account);
        if (granted && role == REGISTRAR_ROLE) _registrars += 1;
    }

    /// @dev A registry without a registrar could never revoke anything again.
    function _revokeRole(bytes32 role, address account) internal override returns (bool revoked) {
        revoked = super._revokeRole(role, account);
        if (revoked && role == REGISTRAR_ROLE) {
            if (_registrars == 1) revert LastRegistrar();
            _registrars -= 1;
        }
    }
}
