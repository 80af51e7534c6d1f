-- Relying parties (이용기관): who may ask for what. Secrets are 256-bit random values, kept as SHA-256 only.
CREATE TABLE relying_party (
    id            TEXT   NOT NULL PRIMARY KEY,      -- OAuth client_id
    name_ko       TEXT   NOT NULL,
    name_en       TEXT   NOT NULL,
    redirect_uris TEXT   NOT NULL,                  -- JSON array; compared exactly
    claims        TEXT   NOT NULL,                  -- JSON array of badge claim names it may ever be given
    level         TEXT   NOT NULL CHECK (level IN ('low', 'substantial', 'high')),
    acr           TEXT   NOT NULL CHECK (acr IN ('base', 'pin')),
    subject       TEXT   NOT NULL CHECK (subject IN ('pairwise', 'public')),
    sector        TEXT   NOT NULL,                  -- host whose relying parties share one pairwise subject
    id_token_alg  TEXT   NOT NULL CHECK (id_token_alg IN ('ES256', 'RS256')),
    secret_hash   BLOB,                             -- NULL: public client, PKCE only
    api_key_hash  BLOB UNIQUE,                      -- NULL: no verification API
    created_at    BIGINT NOT NULL,
    disabled_at   BIGINT
);

-- What a wallet answered to a relying party's verification request: sealed under a key that only the relying
-- party's handle holds, gone when picked up or after five minutes.
CREATE TABLE verification_result (
    id            TEXT   NOT NULL PRIMARY KEY,
    relying_party TEXT   NOT NULL REFERENCES relying_party (id),
    sealed        BLOB   NOT NULL,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL
);
CREATE INDEX verification_result_expires_at ON verification_result (expires_at);
