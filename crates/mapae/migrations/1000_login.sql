-- One row for each login that a phone answered. Its id comes from the seed sealed in the page and in every QR of
-- that page, so inserting it is what consumes them all.
CREATE TABLE login_attempt (
    id            TEXT   NOT NULL PRIMARY KEY,
    relying_party TEXT   NOT NULL REFERENCES relying_party (id),
    outcome       TEXT   NOT NULL,                  -- granted | denied | number_wrong | badge_suspended | badge_revoked
    badge         TEXT,
    subject       TEXT,
    acr           TEXT,
    same_device   BIGINT NOT NULL DEFAULT 0,        -- 1: finished only by the browser that the wallet returns to
    claims        BLOB,                             -- sealed under a key that only the code holds
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    redeemed_at   BIGINT,                           -- the code's one use
    revoked_at    BIGINT                            -- the badge was suspended, or the code replayed
);
CREATE INDEX login_attempt_badge ON login_attempt (badge);
CREATE INDEX login_attempt_expires_at ON login_attempt (expires_at);

-- One row for each access token: the session of one badge at one relying party.
CREATE TABLE login_session (
    id            TEXT   NOT NULL PRIMARY KEY,
    attempt       TEXT   NOT NULL UNIQUE,
    relying_party TEXT   NOT NULL REFERENCES relying_party (id),
    badge         TEXT   NOT NULL,
    subject       TEXT   NOT NULL,
    acr           TEXT   NOT NULL,
    token_hash    BLOB   NOT NULL UNIQUE,
    claims        BLOB,                             -- sealed under a key that only the access token holds; NULL once ended
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    ended_at      BIGINT,
    end_reason    TEXT                              -- suspended | revoked | code_replayed | logout | expired
);
CREATE INDEX login_session_badge ON login_session (badge);
CREATE INDEX login_session_expires_at ON login_session (expires_at);
