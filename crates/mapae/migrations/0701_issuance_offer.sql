-- A credential offer: the right to be issued one batch, told apart from the code that redeems it.
-- The pre-authorized code and the handle in the offer's address are sealed tokens that name this row;
-- nothing here can be turned back into either of them.
CREATE TABLE issuance_offer (
    id             TEXT   NOT NULL PRIMARY KEY,
    kind           TEXT   NOT NULL CHECK (kind IN ('account', 'wallet', 'renewal')),
    employee_id    TEXT   NOT NULL,
    application_id TEXT,                          -- null for a renewal
    reason         TEXT   NOT NULL,               -- why it is issued: first, device_change, loss, expiry, recovery, renewal
    account_id     TEXT,                          -- null for a standard wallet of another maker
    credential_type TEXT  NOT NULL,
    configurations TEXT   NOT NULL,               -- JSON array of credential configuration ids
    tx_code_hash   BLOB,                          -- keyed hash of the transaction code; null when none is asked
    tries          BIGINT NOT NULL DEFAULT 0,     -- transaction codes charged so far
    dpop_jkt       TEXT,                          -- the only key that may redeem it, when known beforehand
    state          TEXT   NOT NULL CHECK (state IN ('open', 'redeemed', 'issued', 'void', 'superseded')),
    badge_id       TEXT,                          -- set on redemption: the badge to be
    issuing_did    TEXT,
    slot           BIGINT,
    replaces       TEXT,                          -- the live badge seen on redemption, which this one ends
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    changed_at     BIGINT NOT NULL
);
CREATE INDEX issuance_offer_employee ON issuance_offer (employee_id, state);
CREATE INDEX issuance_offer_expiry ON issuance_offer (expires_at);
