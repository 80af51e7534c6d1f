-- How a relying party uses the login beyond the plain code flow. One without a row here uses nothing of it.
CREATE TABLE login_client (
    relying_party   TEXT   NOT NULL PRIMARY KEY REFERENCES relying_party (id),
    profile         TEXT   NOT NULL CHECK (profile IN ('standard', 'fapi2')),
    jwks            TEXT,                           -- a JWK Set: the client signs instead of telling a secret
    jwks_uri        TEXT,                           -- or where it lies
    pushed_only     BIGINT NOT NULL DEFAULT 0,      -- 1: requests must be pushed
    signed_only     BIGINT NOT NULL DEFAULT 0,      -- 1: requests must be signed
    dpop_only       BIGINT NOT NULL DEFAULT 0,      -- 1: tokens must be bound to a key
    refresh         BIGINT NOT NULL DEFAULT 0,      -- 1: gets refresh tokens
    device          BIGINT NOT NULL DEFAULT 0,      -- 1: may begin logins of devices without a browser
    session_ms      BIGINT NOT NULL,                -- how long a login lasts at the most
    logout_uris     TEXT   NOT NULL,                -- JSON array; compared exactly
    backchannel_uri TEXT,                           -- where it is told that a login has ended
    introspects     TEXT   NOT NULL,                -- JSON array of the clients whose tokens it may ask about
    changed_at      BIGINT NOT NULL
);

-- A session may now outlive its access token, by refreshing.
ALTER TABLE login_session ADD COLUMN scope TEXT NOT NULL DEFAULT 'openid';
ALTER TABLE login_session ADD COLUMN jkt TEXT;                                  -- the DPoP key it is bound to
ALTER TABLE login_session ADD COLUMN authenticated_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE login_session ADD COLUMN token_at BIGINT NOT NULL DEFAULT 0;        -- when the access token was made
ALTER TABLE login_session ADD COLUMN ends_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE login_session ADD COLUMN refreshed BIGINT NOT NULL DEFAULT 0;       -- number of the refresh token that counts
ALTER TABLE login_session ADD COLUMN refresh_claims BLOB;                       -- the claims, sealed under a key of that token
CREATE INDEX login_session_ends_at ON login_session (ends_at);

-- The badge that answered, also where nothing was granted: wrong numbers are counted by it.
ALTER TABLE login_attempt ADD COLUMN answered_by TEXT;
CREATE INDEX login_attempt_answered_by ON login_attempt (answered_by, outcome, created_at);
CREATE INDEX login_attempt_relying_party ON login_attempt (relying_party, outcome, created_at);

-- Relying parties to be told that a login has ended.
CREATE TABLE login_logout (
    id            TEXT   NOT NULL PRIMARY KEY,      -- jti of the logout token
    relying_party TEXT   NOT NULL,
    session       TEXT   NOT NULL,
    subject       TEXT   NOT NULL,
    attempts      BIGINT NOT NULL DEFAULT 0,
    claim         TEXT,                             -- of the worker that holds it
    next_at       BIGINT NOT NULL,
    ends_at       BIGINT NOT NULL,
    created_at    BIGINT NOT NULL
);
CREATE INDEX login_logout_next_at ON login_logout (next_at);

-- Logins that devices without a browser have begun.
CREATE TABLE login_device (
    code          BLOB   NOT NULL PRIMARY KEY,      -- keyed hash of the user code
    attempt       TEXT   NOT NULL UNIQUE,
    relying_party TEXT   NOT NULL REFERENCES relying_party (id),
    ticket        TEXT   NOT NULL,                  -- sealed: what the page needs
    interval_ms   BIGINT NOT NULL,
    asked_at      BIGINT NOT NULL,                  -- when the device asked last
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL
);
CREATE INDEX login_device_expires_at ON login_device (expires_at);

-- Who guesses user codes: a keyed hash of the address, for one window.
CREATE TABLE login_throttle (
    subject        TEXT   NOT NULL PRIMARY KEY,
    failures       BIGINT NOT NULL,
    window_ends_at BIGINT NOT NULL
);
