-- Documents that wait for officials' signatures. What names people or the matter lies sealed to its row.
-- state: waiting (for the signer of this place), signed (by all), refused, expired, withdrawn.
CREATE TABLE signing_request (
    id            TEXT   NOT NULL PRIMARY KEY,
    relying_party TEXT   REFERENCES relying_party (id),   -- who asked by the API
    agency_code   TEXT,                                   -- whose desk asked by the console
    asked_by      TEXT   NOT NULL,                        -- relying party, or the employee at the desk
    facts         BLOB   NOT NULL,                        -- title, purpose, who asks
    document_hash TEXT   NOT NULL,                        -- SHA-256 of the newest revision, base64url
    bytes         BIGINT NOT NULL,
    revision      BIGINT NOT NULL,                        -- 0 as it was sent in, then one more for each signature
    state         TEXT   NOT NULL,
    place         BIGINT NOT NULL,                        -- whose turn it is, from 1
    signers       BIGINT NOT NULL,
    webhook       BIGINT NOT NULL,
    refusal       BLOB,                                   -- why, in the signer's words
    created_at    BIGINT NOT NULL,
    ends_at       BIGINT NOT NULL,
    ended_at      BIGINT
);
CREATE INDEX signing_request_relying_party ON signing_request (relying_party, state);
CREATE INDEX signing_request_agency ON signing_request (agency_code, created_at);
CREATE INDEX signing_request_ends_at ON signing_request (state, ends_at);

-- The bytes of the newest revision, in pieces, so that no statement and no backup holds a whole one.
CREATE TABLE signing_piece (
    id         TEXT   NOT NULL PRIMARY KEY,
    request_id TEXT   NOT NULL REFERENCES signing_request (id),
    revision   BIGINT NOT NULL,
    place      BIGINT NOT NULL,
    sealed     BLOB   NOT NULL
);
CREATE UNIQUE INDEX signing_piece_place ON signing_piece (request_id, revision, place);

-- Who signs, in which order. state: waiting, signed, refused.
CREATE TABLE signing_signer (
    id          TEXT   NOT NULL PRIMARY KEY,
    request_id  TEXT   NOT NULL REFERENCES signing_request (id),
    place       BIGINT NOT NULL,
    employee_id TEXT   NOT NULL,
    state       TEXT   NOT NULL,
    opened      BLOB,                                     -- certificate and attributes of the signature under way
    bound       TEXT,                                     -- what the PIN has to stand for
    account_id  TEXT,                                     -- whose phone opened it
    opens       BIGINT NOT NULL,
    signature   BLOB,                                     -- timestamped, until it stands in the document
    acted_at    BIGINT
);
CREATE UNIQUE INDEX signing_signer_place ON signing_signer (request_id, place);
CREATE INDEX signing_signer_employee ON signing_signer (employee_id, state);

-- Word on its way to a relying party's webhook.
CREATE TABLE signing_event (
    id            TEXT   NOT NULL PRIMARY KEY,
    relying_party TEXT   NOT NULL REFERENCES relying_party (id),
    request_id    TEXT   NOT NULL,
    state         TEXT   NOT NULL,
    attempts      BIGINT NOT NULL,
    next_at       BIGINT NOT NULL,
    claim         TEXT,
    created_at    BIGINT NOT NULL,
    ends_at       BIGINT NOT NULL
);
CREATE INDEX signing_event_next_at ON signing_event (next_at);
