-- Where a relying party is told of results; registered, never named in a request.
ALTER TABLE relying_party ADD COLUMN webhook_url TEXT;

-- A result on its way to a relying party: sealed, gone when it was acknowledged or picked up, or after five minutes.
CREATE TABLE verification_event (
    id            TEXT   NOT NULL PRIMARY KEY,      -- the public name of the verification
    relying_party TEXT   NOT NULL REFERENCES relying_party (id),
    sealed        BLOB   NOT NULL,
    attempts      BIGINT NOT NULL,
    next_at       BIGINT NOT NULL,
    claim         TEXT,                             -- who holds it until next_at
    created_at    BIGINT NOT NULL,
    ends_at       BIGINT NOT NULL
);
CREATE INDEX verification_event_next_at ON verification_event (next_at);

-- A query that is too long for a QR: sealed under a key that only the request's own address holds.
CREATE TABLE verification_request (
    id         TEXT   NOT NULL PRIMARY KEY,
    sealed     BLOB   NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX verification_request_expires_at ON verification_request (expires_at);
