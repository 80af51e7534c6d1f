-- Enrolments under way. One invitation has one live enrolment; a newer activation ends the older one.
CREATE TABLE account_onboarding (
    id             TEXT   NOT NULL PRIMARY KEY,
    invitation_id  TEXT   NOT NULL,
    application_id TEXT   NOT NULL,
    employee_id    TEXT   NOT NULL,
    step           TEXT   NOT NULL, -- activated, otp_sent, proofed, registered, over
    otp_hash       BLOB,            -- keyed hash
    otp_tries      BIGINT NOT NULL DEFAULT 0,
    otp_sent       BIGINT NOT NULL DEFAULT 0,
    otp_expires_at BIGINT,
    account_id     TEXT,
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL
);
CREATE UNIQUE INDEX account_onboarding_live ON account_onboarding (invitation_id)
    WHERE step IN ('activated', 'otp_sent', 'proofed');
CREATE INDEX account_onboarding_expiry ON account_onboarding (expires_at);

-- Wallet accounts. The PIN key is the public one, sealed under the platform's keys with account and device bound in.
CREATE TABLE account (
    id                TEXT   NOT NULL PRIMARY KEY,
    employee_id       TEXT   NOT NULL,
    application_id    TEXT   NOT NULL,
    state             TEXT   NOT NULL, -- pending, active, closed
    suspended_at      BIGINT,
    device_key        BLOB   NOT NULL, -- SEC1, uncompressed
    device_thumbprint TEXT   NOT NULL,
    pin_key           BLOB,            -- NULL after an unlock, until a new PIN is set
    pin_next          BLOB,            -- during a PIN change
    pin_generation    BIGINT NOT NULL,
    pin_right_at      BIGINT NOT NULL,
    sequence          BIGINT NOT NULL,
    tries             BIGINT NOT NULL,
    charged_at        BIGINT NOT NULL,
    unlock_hash       BLOB,
    unlock_tries      BIGINT NOT NULL DEFAULT 0,
    unlock_expires_at BIGINT,
    created_at        BIGINT NOT NULL,
    closed_at         BIGINT,
    CHECK (tries BETWEEN 0 AND 5)
);
-- One active phone for each employee, and one that waits to become it.
CREATE UNIQUE INDEX account_active ON account (employee_id) WHERE state = 'active';
CREATE UNIQUE INDEX account_pending ON account (employee_id) WHERE state = 'pending';
CREATE UNIQUE INDEX account_device ON account (device_thumbprint) WHERE state <> 'closed';

-- Signed results of the last instructions, for phones whose reply was lost.
CREATE TABLE account_result (
    account_id TEXT   NOT NULL,
    sequence   BIGINT NOT NULL,
    result     TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, sequence)
);

-- What a holder approved on the phone, until the login takes it.
CREATE TABLE account_approval (
    request_hash TEXT   NOT NULL PRIMARY KEY,
    account_id   TEXT   NOT NULL,
    badge_id     TEXT   NOT NULL,
    level        TEXT   NOT NULL, -- base, pin
    number       TEXT,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL
);
CREATE INDEX account_approval_expiry ON account_approval (expires_at);
CREATE INDEX account_approval_badge ON account_approval (badge_id);
