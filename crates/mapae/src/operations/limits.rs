//! Every timeout, attempt limit and size bound, in one table. `docs/limits.md` is generated from it.
//!
//! A folder adds a line to its own section and uses the constant; a bound that is not here does not exist.

use std::time::Duration;

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Milliseconds,
    Bytes,
    Count,
}

/// One bound: its name, value, and why it is so.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    pub section: &'static str,
    pub name: &'static str,
    pub value: i64,
    pub unit: Unit,
    pub why: &'static str,
}

impl Limit {
    /// The value in its own unit.
    pub const fn get(&self) -> i64 {
        self.value
    }

    /// A bound in milliseconds, as a duration.
    pub const fn duration(&self) -> Duration {
        Duration::from_millis(self.value.unsigned_abs())
    }

    /// A bound in bytes or pieces, as a size.
    pub const fn size(&self) -> usize {
        self.value.unsigned_abs() as usize
    }
}

macro_rules! limits {
    ($($section:literal { $($name:ident = $value:expr, $unit:ident, $why:literal;)* })*) => {
        $($(
            #[doc = $why]
            pub const $name: Limit = Limit {
                section: $section, name: stringify!($name), value: $value, unit: Unit::$unit, why: $why,
            };
        )*)*
        /// The whole table, in the order of the documentation.
        pub const LIMITS: &[Limit] = &[$($($name),*),*];
    };
}

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const KIB: i64 = 1_024;
const MIB: i64 = 1_024 * KIB;

limits! {
    "store" {
        STORE_UNIT = 5 * SECOND, Milliseconds, "A unit of work that takes longer is rolled back: everybody waits behind the one writer.";
        STORE_GROUP = 64, Count, "Units of work in one commit.";
        STORE_GROUP_TIME = 8, Milliseconds, "A group that has run this long is committed, so that the first of it does not wait for the last.";
        STORE_QUEUE = 4_096, Count, "Units that may wait for the writer; further callers wait for a place.";
        STORE_BUSY = 5 * SECOND, Milliseconds, "How long SQLite waits for another process that holds the write lock.";
        STORE_STATEMENTS = 512, Count, "Prepared statements kept for each connection.";
        STORE_READERS = 4, Count, "Read connections of a SQLite store.";
        STORE_CONNECTIONS = 32, Count, "Connections of one process to PostgreSQL.";
        STORE_ACQUIRE = 5 * SECOND, Milliseconds, "How long a caller waits for a free connection.";
        STORE_REPLICA_BEHIND = SECOND, Milliseconds, "How far behind a read replica may be and still be read; beyond that, and whenever nobody can tell, the primary is.";
        STORE_REPLICA_LOOK = 250, Milliseconds, "How often it is proven how far the read replica is.";
        STORE_REPLICA_TIME = SECOND, Milliseconds, "How long an answer of the read replica is waited for before the primary is asked.";
        STORE_LISTEN_AGAIN = SECOND, Milliseconds, "How long after a broken connection a process listens to the others again; it polls meanwhile.";
        TRANSFER_ROWS = 500, Count, "Rows of one commit of a move, a backup or a restore.";
        TRANSFER_BYTES = 4 * MIB, Bytes, "Bytes after which such a commit ends before it has all its rows.";
        ONCE_SWEEP = MINUTE, Milliseconds, "How often expired single-use marks are removed.";
        ONCE_SWEEP_ROWS = 1_000, Count, "Expired single-use marks removed in one commit.";
    }
    "http" {
        HTTP_BODY = 256 * KIB, Bytes, "A request body; routes that need more say so themselves.";
        HTTP_HEADER = 32 * KIB, Bytes, "All headers of a request together.";
        HTTP_HEADER_TIME = 10 * SECOND, Milliseconds, "Time for a client to begin, and to send its headers (slow-loris).";
        HTTP_REQUEST_TIME = 30 * SECOND, Milliseconds, "Time for a request from first to last byte.";
        HTTP_TLS_TIME = 10 * SECOND, Milliseconds, "Time for a TLS handshake.";
        HTTP_TLS_RELOAD = 30 * SECOND, Milliseconds, "How often the certificate's files are looked at for a change.";
        HTTP_TLS_FILE = 256 * KIB, Bytes, "A PEM file with a certificate chain or its key.";
        HTTP_CONNECTIONS = 10_000, Count, "Open connections of one listener, fewer where few files may be open (three eighths of them). For a further one the oldest that has asked for nothing yet makes room.";
        HTTP_STREAMS = 128, Count, "Streams of one HTTP/2 connection.";
        HTTP_STOP = 20 * SECOND, Milliseconds, "Time for requests in flight to finish when the server stops.";
        HTTP_CLIENT_CONNECT = 5 * SECOND, Milliseconds, "Connecting to another server.";
        HTTP_CLIENT_TIME = 15 * SECOND, Milliseconds, "A whole request to another server.";
        PARAMETER = 1_024, Bytes, "A text in the path or the query, as the OpenAPI document says.";
        PAGE_ROWS = 100, Count, "Rows of one page of a list.";
        TRACES_QUEUE = 2_048, Count, "Spans that wait to be sent; further ones are dropped and counted.";
        TRACES_BATCH = 512, Count, "Spans sent at once.";
        TRACES_PAUSE = SECOND, Milliseconds, "How long spans are gathered before they are sent.";
        TRACES_EXPORT = 5 * SECOND, Milliseconds, "Sending spans, all tries together; what was not taken by then is lost.";
        TRACES_STOP = 2 * SECOND, Milliseconds, "Time for the last spans to be sent when the server stops.";
        JSON_DEPTH = 32, Count, "Nesting of JSON that is walked through recursively.";
    }
    "keys" {
        HSM_AGAIN = SECOND, Milliseconds, "How long a process waits before it connects to a token again that did not answer.";
        HSM_WAIT = 5 * SECOND, Milliseconds, "How long a call waits for a free session of the token.";
        KEY_SHARES = 16, Count, "Shares of the key-encryption key in a ceremony, at most.";
        KEYS_REFRESH = 5 * SECOND, Milliseconds, "How often a process looks for rotated keys.";
    }
    "courier" {
        COURIER_GROUP = 64, Count, "Rows that one worker carries to relying parties at once.";
        COURIER_OF_ONE = 4, Count, "Of those, rows of one relying party: an address that hangs keeps nobody else waiting.";
    }
    "tokens" {
        TOKEN_BYTES = 4 * KIB, Bytes, "A sealed token as text.";
        ONCE_ID = 128, Bytes, "The id of a single-use mark.";
    }
    "personnel" {
        PORTRAIT = 512 * KIB, Bytes, "A portrait of the HR record.";
        SEARCH_AGENCIES = 2_000, Count, "Agencies that one search for employees reaches.";
        SEARCH_PIECES = 6, Count, "Two-syllable pieces of a name that narrow a search; the rest is compared after opening.";
        OPT_IN_NUMBER = 60, Count, "Letters of the number of a local government's decision.";
        AGENCY_RULES = 50, Count, "Rules by rank or contract type of one agency.";
        AGENCY_RULE_VALUE = 40, Count, "Letters of a rank or contract type in a rule.";
        AGENCY_TARGET = 2_000_000, Count, "Officials an agency may plan for.";
        CORRECTIONS = 5, Count, "Requests for correction of one official that may wait.";
        AGENCIES_CACHED = 5 * MINUTE, Milliseconds, "How long others may keep the public page of agencies.";
        CAREER_POSTS = 300, Count, "Posts in the history of one official that HR may tell.";
        IMPORT_FILE = 512 * MIB, Bytes, "A CSV file to import.";
        IMPORT_LINE = 16 * KIB, Bytes, "One line of a CSV file.";
        IMPORT_GROUP = 500, Count, "Rows of one commit of an import.";
        IMPORT_GROUP_TIME = 20, Milliseconds, "An import commits after this time even if fewer rows are ready, so that logins beside it stay quick.";
        IMPORT_ERRORS = 1_000, Count, "Bad rows reported one by one; the rest is counted.";
    }
    "employment" {
        EMPLOYMENT_WINDOW = DAY, Milliseconds, "The time in which the badges are counted that an agency loses by personnel changes.";
        EMPLOYMENT_COUNT = 500, Count, "Employees of an agency whose badges are counted by one statement.";
        EMPLOYMENT_SWEEP = 2 * SECOND, Milliseconds, "How often an agency that was excluded is looked for.";
        EMPLOYMENT_SWEEP_ROWS = 100, Count, "People of an excluded agency whose badges end in one commit.";
    }
    "signatures" {
        DOCUMENT_AUTHORITY_LIFE = 15 * 365 * DAY, Milliseconds, "The certificate of the authority for documents.";
        DOCUMENT_SERVICE_LIFE = 5 * 365 * DAY, Milliseconds, "The certificates of timestamps and of answers about certificates.";
        DOCUMENT_SEAL_LIFE = 3 * 365 * DAY, Milliseconds, "The certificate of an agency's seal.";
        DOCUMENT_SEAL_RENEWAL = 30 * DAY, Milliseconds, "A seal gets a new key and certificate when its certificate ends within this.";
        DOCUMENT_PERSON_LIFE = 10 * MINUTE, Milliseconds, "The certificate of an official for one signature.";
        DOCUMENT_LIST_LIFE = 7 * DAY, Milliseconds, "A list of revoked certificates is good so long; each is made when asked for.";
        DOCUMENT_ANSWER_LIFE = HOUR, Milliseconds, "An answer about a certificate is good so long.";
        SIGNING_DOCUMENT = 16 * MIB, Bytes, "A PDF that is to be signed.";
        SIGNING_BODY = 24 * MIB, Bytes, "The request that sends it in, base64 in JSON, or the form.";
        SIGNING_PIECE = 256 * KIB, Bytes, "A document is kept in sealed pieces of this size.";
        SIGNING_TITLE = 120, Count, "Characters of a document's title.";
        SIGNING_PURPOSE = 160, Count, "Characters of what a signature is for: it stands in the signature.";
        SIGNING_REASON = 200, Count, "Characters of a refusal.";
        SIGNING_SIGNERS = 16, Count, "Officials who sign one document.";
        SIGNING_LIFE_LEAST = 5 * MINUTE, Milliseconds, "The nearest deadline.";
        SIGNING_LIFE_MOST = 30 * DAY, Milliseconds, "The farthest deadline.";
        SIGNING_WAITING_PARTY = 10_000, Count, "Documents of one relying party that wait at once.";
        SIGNING_WAITING_HOLDER = 100, Count, "Documents that wait for one official.";
        SIGNING_OPENS = 20, Count, "Certificates that a signer may be given for one document.";
        SIGNING_LIST = 30, Count, "Newest requests that an agency's desk is shown.";
        STAFF_UPLOAD_FIELDS = 40, Count, "Parts of a form with a file.";
        STAFF_UPLOAD_TEXT = 16 * KIB, Bytes, "One text in a form with a file.";
        SIGNING_POLL = 5 * SECOND, Milliseconds, "How often given signatures and events are looked for when nobody wakes the worker.";
        SIGNING_SWEEP = 30 * SECOND, Milliseconds, "How often deadlines are looked at.";
        SIGNING_ROWS = 100, Count, "Signing requests of one round.";
        SIGNING_KEPT = 30 * DAY, Milliseconds, "A request that ended is kept so long, with its document where all have signed.";
        SIGNING_EVENT_LEASE = 15 * SECOND, Milliseconds, "How long one worker holds word of a signature that it brings; longer than the call.";
        SIGNING_EVENT_PAUSE = 10 * MINUTE, Milliseconds, "The longest pause between two tries to bring it.";
        SIGNING_EVENT_LIFE = DAY, Milliseconds, "Word that nobody acknowledged by then is given up; polling still tells.";
        DOCUMENT_REVOKED = 50_000, Count, "Revoked certificates that a list holds; beyond that none is made, as it would call one good.";
    }
    "gates" {
        GATE_PASS_LIFE = 24 * HOUR, Milliseconds, "A gate pass is good so long; the phone renews it when half is over.";
        GATE_ENROL_CODE_LIFE = HOUR, Milliseconds, "A controller may be enrolled with its code.";
        GATE_CERTIFICATE_LIFE = 30 * DAY, Milliseconds, "The certificate that a controller shows to phones.";
        GATE_TOKEN_LIFE = 90 * DAY, Milliseconds, "The token of a controller, bound to its key.";
        GATE_FEED_LOOK = 100, Milliseconds, "How often the feed is looked at for what another process appended.";
        GATE_FEED_BEACON = 15 * SECOND, Milliseconds, "A controller is told at least so often, if only that nothing changed.";
        GATE_FEED_CONNECTION = HOUR, Milliseconds, "A controller's connection; then it comes again, and is known anew.";
        GATE_FEED_KEPT = 1_024, Count, "Records of the feed in the memory of each process.";
        GATE_FEED_RESUME = 1_000, Count, "A controller that missed more records than this is told everything.";
        GATE_FEED_STORED = 7 * DAY, Milliseconds, "Records of the feed are stored so long; who missed more is told everything.";
        GATE_STOPPED_KEPT = 15 * DAY, Milliseconds, "A stopped badge is told to controllers so long after its last pass: longer than any grace order.";
        GATE_PERSON_GRANTS = 200, Count, "Grants of one person that go to controllers.";
        GATE_PASSAGE_LINES = 200, Count, "Lines of one upload of passages.";
        GATE_DOORS_TOLD = 64, Count, "Doors of one controller whose state it tells the server.";
        GATE_STANDING = 15 * SECOND, Milliseconds, "A controller tells at least so often how it and its doors stand; one that was silent for three of them shows as unknown.";
        GATE_PASSAGE_KEPT = 90 * DAY, Milliseconds, "Passages are kept so long.";
        GATE_SWEEP = 10 * MINUTE, Milliseconds, "How often old passages and records of the feed are removed.";
        GATE_PAGE = 512 * KIB, Bytes, "A page of the feed, as a controller reads it.";
        GATE_RECONNECT = 2 * SECOND, Milliseconds, "A controller that lost its connection comes again after this time.";
        GATE_CACHE_DELTAS = 10_000, Count, "Pages a controller keeps beside its snapshot; then it asks for everything.";
        GATE_LOG = 64 * MIB, Bytes, "The passage log on a controller's disk; when it is full of what could not be uploaded, no door opens by badge.";
        GATE_TAP_TIME = SECOND, Milliseconds, "One answer of a card.";
    }
    "scim" {
        SCIM_TOKEN = 128, Bytes, "A bearer token as it comes back.";
        SCIM_TEXT = 100, Count, "Letters of one attribute.";
        SCIM_VALUES = 50, Count, "Values of one attribute, names in a list of attributes.";
        SCIM_FILTER = 2_048, Bytes, "A filter or a path.";
        SCIM_FILTER_DEPTH = 8, Count, "Brackets within brackets of a filter.";
        SCIM_FILTER_PARTS = 200, Count, "Steps of reading one filter; a condition takes about three.";
        SCIM_PAGE = 200, Count, "Resources of one answer.";
        SCIM_MEMBERS = 1_000, Count, "Members of a department that are shown.";
        SCIM_OPERATIONS = 100, Count, "Operations of one PATCH.";
        SCIM_BULK = MIB, Bytes, "A Bulk request.";
        SCIM_BULK_OPERATIONS = 200, Count, "Operations of one Bulk request: all of them have to fit into the time of a request.";
    }
    "certificates" {
        CERTIFICATE_TRIES = 30, Count, "Document numbers that one address (IPv6: one /64) may ask for in the time below.";
        CERTIFICATE_WINDOW = 15 * MINUTE, Milliseconds, "The time in which those numbers are counted.";
        CERTIFICATE_SWEEP = 10 * MINUTE, Milliseconds, "How often counters that are over are removed.";
        CERTIFICATE_LINKS = 10, Count, "Links to one certificate that have not ended.";
        CERTIFICATE_LINK_LIFE = 7 * DAY, Milliseconds, "How long a link to a certificate may be opened.";
        CERTIFICATE_LINK_DIGITS = 6, Count, "Digits of the number that opens a link.";
        CERTIFICATE_LINK_TRIES = 5, Count, "Numbers that may be tried at one link; then it leads nowhere.";
        CERTIFICATE_LIST = 100, Count, "Certificates shown on one page.";
    }
    "credentials" {
        CREDENTIAL_ASKS = 30, Count, "Requests for credentials beside the badge that one official makes in the time below.";
        CREDENTIAL_ASK_WINDOW = DAY, Milliseconds, "The time in which those requests are counted.";
        CREDENTIAL_REASON = 300, Count, "Letters of the reason with which a request is rejected or revoked.";
        CREDENTIAL_LIST = 100, Count, "Requests shown on one page.";
    }
    "issuance" {
        OFFER_LIFE = 15 * MINUTE, Milliseconds, "A credential offer may be redeemed; a new one is made on demand.";
        RENEWAL_OFFER_LIFE = 5 * MINUTE, Milliseconds, "An offer of the next batch of copies, made for the device that asks.";
        TX_CODE_DIGITS = 8, Count, "Digits of a transaction code.";
        TX_CODE_TRIES = 5, Count, "Wrong transaction codes until an offer is void and HR is told.";
        TYPES_LOOK = 2 * SECOND, Milliseconds, "How often a running server looks whether the folder of credential types changed.";
        ISSUANCE_TOKEN_LIFE = 5 * MINUTE, Milliseconds, "An access token for the credential endpoint, good for one batch in each format.";
        ISSUANCE_TRIES = 3, Count, "Times a batch is signed anew because the badge's other format was issued at the same moment.";
        PUSHED_REQUEST_LIFE = 5 * MINUTE, Milliseconds, "A pushed authorization request waits so long for its browser; FAPI 2.0 wants less than 10 minutes.";
        CONSENT_LIFE = 10 * MINUTE, Milliseconds, "The page on which the holder agrees that a wallet receives the badge.";
        AUTHORIZATION_CODE_LIFE = MINUTE, Milliseconds, "An authorization code of the issuer; FAPI 2.0 wants no more.";
        ISSUER_STATE_LIFE = 15 * MINUTE, Milliseconds, "An offer that leads over the portal's sign-in.";
        DEFERRED_INTERVAL = MINUTE, Milliseconds, "A wallet asks again so much later for a batch that waits for an approval.";
        DEFERRED_LIFE = 90 * DAY, Milliseconds, "A batch that waits can be asked for so long.";
        REFRESH_TOKEN_LIFE = 90 * DAY, Milliseconds, "A refresh token of a wallet of another maker; then the holder agrees anew.";
        SIGNED_METADATA_LIFE = DAY, Milliseconds, "Signed metadata of the issuer is good so long.";
        C_NONCE_LIFE = 5 * MINUTE, Milliseconds, "A nonce for key proofs, good for one batch.";
        DPOP_NONCE_LIFE = 5 * MINUTE, Milliseconds, "A nonce for DPoP proofs.";
        NOTIFICATION_LIFE = 7 * DAY, Milliseconds, "A wallet may tell what became of a batch.";
        OFFER_KEPT = 30 * DAY, Milliseconds, "An offer's row is kept after it expired.";
        OFFER_SWEEP = HOUR, Milliseconds, "How often old offers are removed.";
        OFFER_SWEEP_ROWS = 1_000, Count, "Old offers removed in one commit.";
    }
    "lifecycle" {
        STATUS_LIST_TTL = MINUTE, Milliseconds, "A consumer uses a status list so long before it fetches anew.";
        STATUS_LIST_LIFE = 48 * HOUR, Milliseconds, "A status list is good so long, so that an outage of ours stops nobody; its age is the verifier's policy.";
        STATUS_LIST_RESIGN = SECOND, Milliseconds, "A status list is signed at most so often, however many changes there are.";
        STATUS_LIST_SERVED = 57 * DAY, Milliseconds, "A week's status lists are served so long after the week began: as long as a copy may live.";
        TRUST_LIST_REFRESH = 5 * MINUTE, Milliseconds, "How often the trust list is signed anew.";
        TRUST_LIST_LIFE = 48 * HOUR, Milliseconds, "A trust list is good so long.";
        EXPIRY_SWEEP = MINUTE, Milliseconds, "How often badges whose validity has run out are looked for.";
        REMINDER_SWEEP = 10 * MINUTE, Milliseconds, "How often badges are looked for whose holders are to be told that they end.";
        EXPIRY_SWEEP_ROWS = 200, Count, "Badges expired before the next are looked for.";
    }
    "staff" {
        STAFF_LOGIN = 64, Bytes, "A sign-in id.";
        STAFF_PASSWORD_MIN = 10, Bytes, "The shortest password that may be set (NIST SP 800-63B asks for 8).";
        STAFF_PASSWORD = 256, Bytes, "The longest password; hashing time must not grow with what a stranger sends.";
        STAFF_HASHES = 4, Count, "Passwords hashed at once, 19 MiB each.";
        STAFF_TOKEN = 64, Bytes, "A session token as it comes back.";
        STAFF_FAILURES_ID = 5, Count, "Wrong passwords for one id in a window, whether the id exists or not.";
        STAFF_FAILURES_SOURCE = 100, Count, "Wrong passwords from one address (IPv6: one /64) in a window.";
        STAFF_WINDOW = 15 * MINUTE, Milliseconds, "After this time failed sign-ins are forgotten.";
        STAFF_RETURN = 10 * MINUTE, Milliseconds, "A browser remembers so long where it goes after signing in.";
        STAFF_SESSION = 10 * HOUR, Milliseconds, "A session ends after a working day, used or not.";
        STAFF_IDLE = 30 * MINUTE, Milliseconds, "A session that nobody uses ends.";
        STAFF_SEEN = MINUTE, Milliseconds, "How precisely the last use of a session is noted: not every click is a write.";
        STAFF_SECOND_STEP = 5 * MINUTE, Milliseconds, "Time for the one-time code after the right password.";
        STAFF_SET_UP = 15 * MINUTE, Milliseconds, "Time to set up one-time codes after the QR was shown.";
        STAFF_CODE = 16, Bytes, "A one-time code as it is typed, spaces included.";
        STAFF_DUTY_REQUEST = 7 * DAY, Milliseconds, "A duty that was asked for waits so long for the second person.";
        STAFF_DUTY_REQUESTS = 200, Count, "Duties that may wait for a second person in the agencies of one desk.";
        STAFF_SWEEP = 5 * MINUTE, Milliseconds, "How often ended sessions and old counters are removed.";
    }
    "application" {
        APPLICATION_NOTE = 500, Count, "Letters of a note or reason.";
        APPLICATION_COMMENTS = 100, Count, "Comments on one application.";
        IDEMPOTENCY_KEY = 128, Bytes, "An Idempotency-Key header.";
        APPLICATION_WAIT = 30 * DAY, Milliseconds, "An application that nobody moves expires.";
        APPLICATION_PHONE_WAIT = 14 * DAY, Milliseconds, "An approved application that no phone takes up expires.";
        APPLICATION_EVENTS = 200, Count, "Lines of one timeline that are shown.";
        APPLICATION_SWEEP = MINUTE, Milliseconds, "How often expired applications are looked for.";
        APPLICATION_SCOPE = 2_000, Count, "Agencies one duty reaches in a list.";
        APPLICATION_LATE = 2 * DAY, Milliseconds, "After this a waiting application is shown in amber.";
        APPLICATION_OVERDUE = 5 * DAY, Milliseconds, "After this a waiting application is shown in vermilion.";
        DELEGATION_PERIOD = 180 * DAY, Milliseconds, "The longest period one delegation lasts.";
        DELEGATIONS = 50, Count, "Delegations of one person that are looked at.";
        INVITATION = 72 * HOUR, Milliseconds, "An invitation: how long the install address works.";
        ACTIVATION_CODE = 15 * MINUTE, Milliseconds, "An activation code, made anew on demand.";
        ACTIVATION_TRIES = 5, Count, "Wrong activation codes of one invitation; then it is void and the HR desk told.";
        PROOF_TRIES = 5, Count, "Wrong names or registration numbers of one invitation; then it is void.";
    }
    "notification" {
        CONTACT_NUMBER = 20, Count, "Letters of a phone number as it is typed.";
        CONTACT_SENDS = 5, Count, "Codes sent in a day to numbers that are to be somebody's second phone.";
        CONTACT_WINDOW = DAY, Milliseconds, "The time in which those codes are counted.";
        OUTBOX_LIFE = 3 * DAY, Milliseconds, "A message that could not be brought is given up.";
        OUTBOX_LEASE = MINUTE, Milliseconds, "How long one worker holds a message; longer than a gateway may take.";
        OUTBOX_TRIES = 12, Count, "Tries before a message is given up.";
        OUTBOX_PAUSE = 10 * MINUTE, Milliseconds, "The longest pause between two tries; the first is a second, then twice as long each time.";
        OUTBOX_GROUP = 16, Count, "Messages one worker claims and sends at once.";
        OUTBOX_POLL = 500, Milliseconds, "How often the outbox is looked at when nobody wakes the worker.";
        OUTBOX_SWEEP = 10 * MINUTE, Milliseconds, "How often messages that ended long ago are forgotten.";
        OUTBOX_KEEP = 30 * DAY, Milliseconds, "How long the fact that a message was sent is kept; number and text go at once.";
        SMS_REST = 30 * SECOND, Milliseconds, "How long a provider that could not be reached is left alone while there is a second.";
        LMS_BYTES = 2_000, Bytes, "A long text (LMS) in EUC-KR; up to 90 bytes are a short one (SMS).";
        SMPP_PDU = 72 * KIB, Bytes, "A unit of SMPP; the longest payload has 64 KiB.";
        SMPP_WINDOW = 16, Count, "Requests of one SMPP connection that wait for an answer.";
        SMPP_ENQUIRE = 30 * SECOND, Milliseconds, "A silent SMPP connection is asked whether it is alive; without an answer in the same time it ends.";
        SMPP_RECEIPTS = 1_000, Count, "Delivery receipts that wait to be noted; the gateway brings others again.";
        RECEIPT_WAIT = 10 * MINUTE, Milliseconds, "A delivery receipt that has not come by then is asked for by the message's id.";
        RECEIPT_SWEEP = MINUTE, Milliseconds, "How often overdue receipts are looked for.";
        SMS_TIME = 10 * SECOND, Milliseconds, "One call to the SMS gateway.";
        PUSH_TIME = 10 * SECOND, Milliseconds, "One call to a browser's push service.";
        PUSH_LIFE = DAY, Milliseconds, "A message to a browser that is offline waits so long at its push service.";
        PUSH_TOKEN_LIFE = 12 * HOUR, Milliseconds, "Our word to a push service; the standard allows a day.";
        PUSH_ENDPOINT = 1_024, Bytes, "A browser's address at its push service.";
        PUSH_SUBSCRIPTIONS = 4, Count, "Browsers of one account that are told; the oldest beyond that are forgotten.";
    }
    "account" {
        ONBOARDING_LIFE = HOUR, Milliseconds, "An enrolment from its activation to the registration of the phone.";
        NAME_BYTES = 200, Bytes, "A name as typed in the identity proof.";
        RRN_BYTES = 32, Bytes, "A resident registration number as typed in the identity proof.";
        OTP_DIGITS = 6, Count, "Digits of a one-time password.";
        OTP_LIFE = 3 * MINUTE, Milliseconds, "A one-time password.";
        OTP_TRIES = 5, Count, "Wrong one-time passwords; then a new one has to be asked for.";
        OTP_SENDS = 5, Count, "One-time passwords sent in one enrolment.";
        PIN_TRIES = 5, Count, "Wrong PINs; then the account is locked until two persons unlock it.";
        PIN_CHALLENGE_LIFE = MINUTE, Milliseconds, "A challenge for one PIN instruction.";
        PIN_SEQUENCE_STEP = 1_000, Count, "How far an instruction's sequence number may jump.";
        PIN_JUDGE_TIME = 10 * SECOND, Milliseconds, "After this time a charged instruction without verdict is closed as never judged.";
        PIN_RESULTS_KEPT = 16, Count, "Results of instructions kept for phones whose reply was lost.";
        APPROVAL_LIFE = 2 * MINUTE, Milliseconds, "An approval waits so long for the login that it is for.";
        DEVICE_MESSAGE_LIFE = 10 * MINUTE, Milliseconds, "How long the id of a device-signed message is remembered; its own time is refused sooner.";
        WALLET_ATTESTATION_LIFE = HOUR, Milliseconds, "A wallet attestation of the wallet provider, for one issuer.";
        KEY_ATTESTATION_LIFE = 10 * MINUTE, Milliseconds, "A key attestation of the wallet provider.";
        BATCH_WITHOUT_PIN = 30 * DAY, Milliseconds, "So long after the last right PIN copies are renewed by the device key alone.";
        UNLOCK_DIGITS = 8, Count, "Digits of an unlock code.";
        UNLOCK_LIFE = 24 * HOUR, Milliseconds, "An unlock code, handed to the holder by the two persons who unlocked.";
        UNLOCK_TRIES = 5, Count, "Wrong unlock codes; then the two persons make another.";
        PASSKEY_CHALLENGE_LIFE = 5 * MINUTE, Milliseconds, "A challenge for making or using a passkey, used once.";
        PASSKEY_ANSWER = 24 * KIB, Bytes, "One member of a passkey's answer as base64url; attestations carry certificates.";
        SHARES = 60, Count, "How often in a window the server gives its share of a vault's key.";
        SHARE_WINDOW = HOUR, Milliseconds, "The window in which releases of a share are counted.";
        ACCOUNT_PROOFS = 5, Count, "How often in a window a holder may begin to prove themselves anew, right or wrong.";
        ACCOUNT_PROOF_WINDOW = DAY, Milliseconds, "The window in which those beginnings are counted; what succeeds sets the count back.";
        ACCOUNT_PROOF_LIFE = 15 * MINUTE, Milliseconds, "A recovery, or the proof for a forgotten PIN, from its first step to its last.";
        PIN_REST = 24 * HOUR, Milliseconds, "A PIN that replaced a forgotten one approves, signs and moves nothing so long.";
        ACCOUNT_SWEEP = MINUTE, Milliseconds, "How often ended enrolments and approvals are removed.";
    }
    "loss" {
        LOSS_CODE = 64, Bytes, "A loss code as it is typed.";
        LOSS_TRIES = 10, Count, "Wrong loss codes from one address (IPv6: one /64) in a window.";
        LOSS_WINDOW = HOUR, Milliseconds, "After this time wrong loss codes are forgotten.";
        LOSS_SWEEP = 10 * MINUTE, Milliseconds, "How often those counters are removed.";
        CARD_NUMBER = 32, Bytes, "The number of a plastic card.";
        LOSS_PAGE = 50, Count, "Reports on one page of the loss desk.";
    }
    "desk" {
        DESK_PEOPLE = 25, Count, "People found on one page.";
        DESK_SEARCH = 40, Count, "Letters of a search for people.";
        DESK_UNLOCK = 10 * MINUTE, Milliseconds, "How long the second of two persons has to confirm an unlock.";
        DESK_BADGE_SIGN_IN = 10 * MINUTE, Milliseconds, "Time to sign in with a badge at the console.";
        DESK_LOCKED = 200, Count, "Locked accounts that the unlock desk looks through.";
        DESK_BULK = 100, Count, "Applications decided together.";
        DESK_STATISTICS = MINUTE, Milliseconds, "Statistics are counted at most so often; the page says when.";
        DESK_STATISTICS_STALE = 15 * MINUTE, Milliseconds, "So old statistics are not shown: who asks waits for a new count.";
        DESK_DURATIONS = 20_000, Count, "Newest steps of applications whose durations are counted.";
        DESK_AUDIT = 50, Count, "Audit records on one page.";
        DESK_AUDIT_SCAN = 1_000, Count, "Audit records looked through for one page that only its reach may see.";
    }
    "verification" {
        VERIFICATION_REQUEST = 5 * MINUTE, Milliseconds, "How long a relying party's verification waits for a wallet.";
        VERIFICATION_ANSWER = 5 * MINUTE, Milliseconds, "How long a wallet has to answer after it fetched the request: reading, consenting, PIN.";
        VERIFICATION_RESULT = 5 * MINUTE, Milliseconds, "A result that nobody picks up is deleted.";
        VERIFICATION_STATUS_AGE = 10 * MINUTE, Milliseconds, "The oldest status list that proves anything to our own verifier.";
        VERIFICATION_TICKET = 1_536, Bytes, "The sealed query in a request link: it has to fit into a QR.";
        VERIFICATION_QUERY = 16 * KIB, Bytes, "A query and its transaction data together, kept beside the link where they don't fit into it.";
        VERIFICATION_PRESENTATIONS = 16, Count, "Presentations of one answer.";
        VERIFICATION_TRANSACTIONS = 8, Count, "Entries of transaction data in one request.";
        VERIFICATION_FOREIGN_STATUS_AGE = DAY, Milliseconds, "The oldest status list of another issuer that proves anything.";
        VERIFICATION_FOREIGN_LISTS = 256, Count, "Status lists of other issuers kept in memory.";
        VERIFICATION_FOREIGN_TTL = 5 * MINUTE, Milliseconds, "The longest that a status list of another issuer is not fetched anew.";
        VERIFICATION_TRUSTED = 32, Count, "Credential types of other issuers that one relying party may ask for.";
        VERIFICATION_ANCHORS = 16, Count, "Root certificates, or keys, of one other issuer.";
        VERIFICATION_OUTGOING = 5 * SECOND, Milliseconds, "One call to a webhook, or for a status list of another issuer.";
        VERIFICATION_EVENT_LEASE = 15 * SECOND, Milliseconds, "How long one worker holds a result that it brings; longer than the call.";
        VERIFICATION_EVENT_PAUSE = MINUTE, Milliseconds, "The longest pause between two tries to bring a result; the first is a second, then twice as long each time.";
        VERIFICATION_EVENT_POLL = SECOND, Milliseconds, "How often results to bring are looked for when nobody wakes the worker.";
        VERIFICATION_CHAINS = 1_000, Count, "Issuer certificates whose chain is remembered as checked.";
        VERIFICATION_SWEEP = 30 * SECOND, Milliseconds, "How often expired results are deleted.";
        VERIFICATION_SWEEP_ROWS = 1_000, Count, "Expired results deleted in one commit.";
    }
    "in_person" {
        IN_PERSON_WAIT = 2 * MINUTE, Milliseconds, "How long a phone waits for a reader, and then how long the two may talk.";
        IN_PERSON_WAITING = 4_096, Count, "Phones of one process that wait for a reader at once.";
        IN_PERSON_MESSAGE = 129 * KIB, Bytes, "A message between phone and reader.";
        IN_PERSON_MESSAGES = 16, Count, "Messages of one meeting.";
        IN_PERSON_LOOK = 250, Milliseconds, "How often a meeting of two processes is looked at, should a signal be lost.";
        IN_PERSON_JOIN = 3 * SECOND, Milliseconds, "How long a reader waits for the process that holds the phone.";
        IN_PERSON_SWEEP = MINUTE, Milliseconds, "How often meetings are removed whose process ended in the middle.";
    }
    "audit" {
        AUDIT_NUMBERING = 250, Milliseconds, "How soon after its commit an audit record is numbered, and with it under a signed checkpoint.";
        AUDIT_NUMBERED_AT_ONCE = 500, Count, "Audit records numbered in one transaction: more would hold up other writers.";
        AUDIT_PAGE = 1_000, Count, "Audit records read at once for a copy.";
        AUDIT_RETENTION_SWEEP = HOUR, Milliseconds, "How often personal parts of audit records whose time is over are deleted.";
        AUDIT_DELETED_AT_ONCE = 500, Count, "Personal parts deleted in one transaction.";
    }
    "ledger" {
        LEDGER_FOLLOW = 5 * SECOND, Milliseconds, "How often the ledger is read for accreditations that are new or have ended.";
        LEDGER_OVERLAP = 64, Count, "Blocks read again each time on a chain of others: the endpoint that tells the events may be behind the one that told the head.";
        LEDGER_ANCHOR = MINUTE, Milliseconds, "How often one root over all status lists is anchored, and the audit log's checkpoint.";
        LEDGER_DRAIN = SECOND, Milliseconds, "How often roots that wait are looked for.";
        LEDGER_DRAIN_ROWS = 200, Count, "Roots sent before the next are looked for.";
        LEDGER_ANCHORS_KEPT = 90 * DAY, Milliseconds, "How long anchored roots are kept with the leaves they were made of.";
        LEDGER_REQUEST = 5 * SECOND, Milliseconds, "One question to an endpoint of the ledger.";
        LEDGER_RECEIPT = MINUTE, Milliseconds, "How long a transaction's receipt is waited for before it is sent again.";
        LEDGER_DOCUMENT = 64 * KIB, Bytes, "A did:web document of another host.";
        LEDGER_KEY_FILE = 16 * KIB, Bytes, "A registrar's key file, or a prepared transaction.";
    }
    "relying parties" {
        PARTY_LIFE = 365 * DAY, Milliseconds, "How long a registration that two persons approved lasts; then it has to be renewed by two.";
        PARTY_SOON = 30 * DAY, Milliseconds, "A registration that ends within this time is shown as one to renew.";
        PARTY_REQUEST = 14 * DAY, Milliseconds, "How long something that was asked for waits for a second person.";
        PARTY_REQUESTS = 200, Count, "Requests that wait at once.";
        PARTY_OVERLAP = 7 * DAY, Milliseconds, "How long the secrets before the newest work beside them.";
        PARTY_PURPOSE = 200, Count, "Letters of the purpose of a claim.";
        PARTY_CLAIM = 64, Bytes, "The name of a claim in a form.";
        PARTY_PAGE = 50, Count, "Relying parties on one page.";
    }
    "login" {
        LOGIN_PAGE = 5 * MINUTE, Milliseconds, "How long a login page works.";
        LOGIN_PAGE_KEPT = HOUR, Milliseconds, "How long an expired page can still begin anew.";
        LOGIN_QR = 20 * SECOND, Milliseconds, "A QR: fetched later than this it is refused, so that a photograph is worth nothing.";
        LOGIN_QR_REDRAW = 10 * SECOND, Milliseconds, "How often a page draws a new QR.";
        LOGIN_GRANT = 6 * MINUTE, Milliseconds, "How long an approved login waits for its browser to go on.";
        LOGIN_CODE = MINUTE, Milliseconds, "An authorization code after it was handed out (RFC 6749 section 4.1.2).";
        LOGIN_ID_TOKEN = 5 * MINUTE, Milliseconds, "An ID token.";
        LOGIN_SESSION = HOUR, Milliseconds, "An access token; without a refresh token the session at the provider ends with it.";
        LOGIN_SESSION_SHORTEST = MINUTE, Milliseconds, "The shortest session that a relying party may be registered for.";
        LOGIN_SESSION_LONGEST = 12 * HOUR, Milliseconds, "The longest session that a relying party may be registered for: a working day.";
        LOGIN_KEYS_OVERLAP = 15 * MINUTE, Milliseconds, "How long new keys of the provider are published before they sign; longer than relying parties keep the key set.";
        LOGIN_PUSHED = 90 * SECOND, Milliseconds, "A pushed authorization request; FAPI 2.0 wants less than 600 seconds.";
        LOGIN_JWKS_KEPT = 5 * MINUTE, Milliseconds, "How long the keys behind a relying party's JWKS address are believed.";
        LOGIN_JWKS_PAUSE = 30 * SECOND, Milliseconds, "The shortest time between two looks at that address for a key that is not there.";
        LOGIN_JWKS_BYTES = 64 * KIB, Bytes, "A relying party's JWK Set.";
        LOGIN_JWKS_KEYS = 16, Count, "Keys in it.";
        LOGIN_JWKS_PARTIES = 1_000, Count, "Relying parties whose keys are remembered.";
        LOGIN_LOGOUT_POLL = 250, Milliseconds, "How often logouts to be told are looked for: a suspension is told within a second.";
        LOGIN_LOGOUT_LEASE = 15 * SECOND, Milliseconds, "How long one worker holds a logout that it tells; longer than the call.";
        LOGIN_LOGOUT_PAUSE = 5 * MINUTE, Milliseconds, "The longest pause between two tries to tell a logout; the first is a second, then twice as long each time.";
        LOGIN_LOGOUT_KEPT = DAY, Milliseconds, "How long a logout is tried to be told.";
        LOGIN_LOGOUT_TOKEN = 2 * MINUTE, Milliseconds, "A logout token; each try signs a new one.";
        LOGIN_DEVICE = 10 * MINUTE, Milliseconds, "A device code and the user code that belongs to it.";
        LOGIN_DEVICE_INTERVAL = 5 * SECOND, Milliseconds, "How often a device may ask; each time it asks too soon, five seconds more.";
        LOGIN_DEVICE_TRIES = 10, Count, "Wrong user codes from one address in a window.";
        LOGIN_DEVICE_WINDOW = 10 * MINUTE, Milliseconds, "That window.";
        LOGIN_DEVICES = 1_000, Count, "Devices of one relying party that wait for a login at once.";
        LOGIN_APP = 119 * SECOND, Milliseconds, "A login that an app began over the government adapter.";
        LOGIN_APPS = 10_000, Count, "Logins of one relying party that apps have begun and that are not over.";
        LOGIN_BROWSERS = 5, Count, "Browsers that one official has enrolled.";
        LOGIN_BROWSER_KEPT = 180 * DAY, Milliseconds, "How long a browser stays enrolled.";
        LOGIN_BROWSER_NAME = 40, Count, "Letters of the name that its owner gives it.";
        LOGIN_WRONG_WINDOW = 10 * MINUTE, Milliseconds, "The window in which wrong numbers are counted.";
        LOGIN_WRONG_BADGE = 5, Count, "Wrong numbers by one badge in a window; then it waits.";
        LOGIN_WRONG_PARTY = 500, Count, "Wrong numbers at one relying party in a window; then all wait.";
        LOGIN_KEPT = DAY, Milliseconds, "How long ended logins are kept, so that a replay is recognised.";
        LOGIN_SWEEP = MINUTE, Milliseconds, "How often ended logins are removed.";
        LOGIN_SWEEP_ROWS = 1_000, Count, "Ended logins removed in one commit.";
    }
}

/// The documentation of the table, `docs/limits.md`.
pub fn document() -> String {
    use std::fmt::Write as _;

    let mut out = String::from(
        "# Limits\n\nEvery timeout, attempt limit and size bound of the server. `mapae config limits` prints this page from \
         `operations/limits.rs`; a test compares the two.\n",
    );
    let mut section = "";
    for limit in LIMITS {
        if limit.section != section {
            section = limit.section;
            let _ = write!(out, "\n## {section}\n\n| Name | Value | Why |\n|---|---:|---|\n");
        }
        let _ = writeln!(out, "| `{}` | {} | {} |", limit.name, limit.readable(), limit.why);
    }
    out
}

impl Limit {
    /// The value as people read it: `15 s`, `256 KiB`, `64`.
    pub fn readable(&self) -> String {
        let scaled = |steps: &[(i64, &str)]| {
            let step = steps.iter().find(|(size, _)| self.value % size == 0 && self.value >= *size);
            step.map_or_else(
                || self.value.to_string(),
                |(size, name)| format!("{} {name}", self.value / size),
            )
        };
        match self.unit {
            Unit::Milliseconds => {
                scaled(&[(DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s"), (1, "ms")])
            }
            Unit::Bytes => scaled(&[(MIB, "MiB"), (KIB, "KiB"), (1, "bytes")]),
            Unit::Count => self.value.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_says_what_the_code_does() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/limits.md");
        if std::env::var_os("MAPAE_WRITE_DOCS").is_some() {
            std::fs::write(path, document()).unwrap();
        }
        let written = std::fs::read_to_string(path).expect("docs/limits.md");
        assert!(written == document(), "run the test with MAPAE_WRITE_DOCS=1, or `mapae config limits`");
    }

    #[test]
    fn every_limit_is_named_once_is_positive_and_gives_a_reason() {
        let mut names: Vec<&str> = LIMITS.iter().map(|limit| limit.name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(LIMITS.iter().all(|limit| limit.value > 0 && limit.why.len() > 10));
    }
}
