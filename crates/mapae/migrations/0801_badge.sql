-- An issuing party is a DID under which badges are issued. It hands out slot numbers, which are never given
-- twice, and counts the changes that its status lists must show.
CREATE TABLE issuing_party (
    did            TEXT   NOT NULL PRIMARY KEY,
    next_slot      BIGINT NOT NULL DEFAULT 0,
    status_version BIGINT NOT NULL DEFAULT 0
);

-- A badge is the holder's one active ID with all its copies. It holds no claim value.
CREATE TABLE badge (
    id              TEXT   NOT NULL PRIMARY KEY,
    employee_id     TEXT   NOT NULL,
    account_id      TEXT,                         -- null: held by a standard wallet of another maker
    application_id  TEXT,
    kind            TEXT   NOT NULL,              -- first, device_change, loss, expiry, recovery
    credential_type TEXT   NOT NULL,
    issuing_did     TEXT   NOT NULL REFERENCES issuing_party (did),
    slot            BIGINT NOT NULL,
    replaces        TEXT   REFERENCES badge (id),
    state           TEXT   NOT NULL CHECK (state IN ('active', 'suspended', 'revoked', 'expired', 'replaced')),
    reason          TEXT   NOT NULL,              -- why it is in this state
    copy_week       BIGINT NOT NULL,              -- first second of the last ISO week in which copies were issued
    copy_next       BIGINT NOT NULL,              -- next copy number of that week
    status_version  BIGINT NOT NULL DEFAULT 0,    -- the issuing party's version that last changed the state; 0 = never
    issued_at       BIGINT NOT NULL,
    valid_until     BIGINT NOT NULL,
    changed_at      BIGINT NOT NULL,
    UNIQUE (issuing_did, slot)
);
-- One live badge for each employee: the database keeps this, not a check before it.
CREATE UNIQUE INDEX badge_one_live ON badge (employee_id) WHERE state IN ('active', 'suspended');
CREATE UNIQUE INDEX badge_one_account ON badge (account_id) WHERE state IN ('active', 'suspended');
CREATE INDEX badge_status ON badge (issuing_did, status_version);
CREATE INDEX badge_expiry ON badge (state, valid_until);

-- The size of a week's status lists, fixed before the first copy of that week and series is issued.
-- A series covers slots from first_slot to first_slot + slots; when the week outgrows it the next one begins.
CREATE TABLE status_series (
    issuing_did TEXT   NOT NULL REFERENCES issuing_party (did),
    week        BIGINT NOT NULL,                  -- its first second, Monday 00:00 UTC
    series      BIGINT NOT NULL,
    first_slot  BIGINT NOT NULL,
    slots       BIGINT NOT NULL,
    bits        BIGINT NOT NULL,                  -- the list has 2^bits entries
    key_id      BIGINT NOT NULL,                  -- number of the secret that keys the permutation
    PRIMARY KEY (issuing_did, week, series)
);
