-- Who asked for an offer by an authorization request; null where a pre-authorized code redeems it.
ALTER TABLE issuance_offer ADD COLUMN client_id TEXT;
-- What a refresh token stands for: the first offer, and the key without which the token is worth nothing.
CREATE TABLE issuance_grant (
    offer_id   TEXT   NOT NULL PRIMARY KEY REFERENCES issuance_offer (id) ON DELETE CASCADE,
    dpop_jkt   TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    used_at    BIGINT,
    revoked_at BIGINT,                      -- the code was presented twice
    expires_at BIGINT NOT NULL
);
-- A batch that waits for the approval of the application behind it: one for each configuration of an offer. Its proofs
-- were judged and their nonces consumed when it was put off.
CREATE TABLE issuance_deferred (
    id            TEXT   NOT NULL PRIMARY KEY,
    offer_id      TEXT   NOT NULL REFERENCES issuance_offer (id) ON DELETE CASCADE,
    configuration TEXT   NOT NULL,
    holder_keys   TEXT   NOT NULL,          -- JSON array of public JWKs
    state         TEXT   NOT NULL CHECK (state IN ('waiting', 'issued', 'denied')),
    created_at    BIGINT NOT NULL,
    changed_at    BIGINT NOT NULL,
    UNIQUE (offer_id, configuration)
);
