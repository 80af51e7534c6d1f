-- Keys that sign documents, each sealed to its row: the authority, its timestamps and answers, the seals of agencies.
-- state: active (signs), retired (what it signed holds), revoked.
CREATE TABLE document_key (
    id          TEXT   NOT NULL PRIMARY KEY,
    role        TEXT   NOT NULL,                -- authority, timestamp, responder, seal
    agency_code TEXT   NOT NULL,                -- of a seal; else empty
    state       TEXT   NOT NULL,
    sealed      BLOB   NOT NULL,
    certificate BLOB   NOT NULL,
    serial      TEXT   NOT NULL UNIQUE,
    not_after   BIGINT NOT NULL,                -- seconds since 1970, as in the certificate
    created_at  BIGINT NOT NULL,
    ended_at    BIGINT
);
CREATE UNIQUE INDEX document_key_one_active ON document_key (role, agency_code) WHERE state = 'active';

-- Every certificate for documents that was issued; who it is for stands in the certificate alone.
CREATE TABLE document_certificate (
    serial      TEXT   NOT NULL PRIMARY KEY,    -- hexadecimal digits
    role        TEXT   NOT NULL,                -- authority, timestamp, responder, seal, person
    agency_code TEXT   NOT NULL,
    not_after   BIGINT NOT NULL,                -- seconds since 1970
    issued_at   BIGINT NOT NULL,
    revoked_at  BIGINT,                         -- seconds since 1970: from then on it counts as revoked
    reason      BIGINT                          -- RFC 5280 §5.3.1
);
CREATE INDEX document_certificate_revoked ON document_certificate (role, serial) WHERE revoked_at IS NOT NULL;
