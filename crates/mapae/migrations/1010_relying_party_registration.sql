-- Relying parties as two persons register them at the console: why each claim, from where, until when.
ALTER TABLE relying_party ADD COLUMN purposes TEXT NOT NULL DEFAULT '{}';   -- JSON: claim -> {ko, en}
ALTER TABLE relying_party ADD COLUMN networks TEXT NOT NULL DEFAULT '[]';   -- JSON: names of login.networks; empty: any of them
ALTER TABLE relying_party ADD COLUMN test BIGINT NOT NULL DEFAULT 0;        -- 1: is given made-up values only
ALTER TABLE relying_party ADD COLUMN version BIGINT NOT NULL DEFAULT 1;     -- counts the changes: what was approved is what was seen
ALTER TABLE relying_party ADD COLUMN expires_at BIGINT;                     -- NULL: registered on the server, without an end
ALTER TABLE relying_party ADD COLUMN asked_by TEXT;                         -- who asked for it as it is now, and
ALTER TABLE relying_party ADD COLUMN approved_by TEXT;                      -- who approved it; NULL: the server's operator alone
ALTER TABLE relying_party ADD COLUMN ended_at BIGINT NOT NULL DEFAULT 0;    -- logins from before are over
ALTER TABLE relying_party ADD COLUMN old_secret_hash BLOB;                  -- the secret before the newest, and
ALTER TABLE relying_party ADD COLUMN old_api_key_hash BLOB;                 -- the key before the newest, good until
ALTER TABLE relying_party ADD COLUMN old_until BIGINT NOT NULL DEFAULT 0;
CREATE INDEX relying_party_old_api_key ON relying_party (old_api_key_hash);

-- What somebody asks to be registered or changed; another person approves it as it stands here.
CREATE TABLE relying_party_request (
    id         TEXT   NOT NULL PRIMARY KEY,
    party      TEXT   NOT NULL,                      -- client id
    base       BIGINT,                               -- the version it changes; NULL: a new registration
    proposal   TEXT   NOT NULL,                      -- JSON
    state      TEXT   NOT NULL,                      -- waiting | approved | dropped | expired
    asked_by   TEXT   NOT NULL,
    asked_at   BIGINT NOT NULL,
    ends_at    BIGINT NOT NULL,
    decided_by TEXT,
    decided_at BIGINT
);
CREATE UNIQUE INDEX relying_party_request_waiting ON relying_party_request (party) WHERE state = 'waiting';
CREATE INDEX relying_party_request_state ON relying_party_request (state, id);

-- Who looks after a registration is told once before each of these days.
CREATE TABLE relying_party_reminder (
    relying_party TEXT   NOT NULL,
    expires_at    BIGINT NOT NULL,
    days          BIGINT NOT NULL,
    told_at       BIGINT NOT NULL,
    PRIMARY KEY (relying_party, expires_at, days)
);
