-- Whose key may issue what, as the signed trust list tells it. A key is never un-retired and never un-revoked.
CREATE TABLE trust_entry (
    jkt        TEXT   NOT NULL,                   -- RFC 7638 thumbprint of the key
    vct        TEXT   NOT NULL,
    issuer     TEXT   NOT NULL,                   -- iss of its credentials
    name_ko    TEXT   NOT NULL,
    name_en    TEXT   NOT NULL,
    state      TEXT   NOT NULL CHECK (state IN ('active', 'retired', 'revoked')),
    state_at   BIGINT NOT NULL,
    from_at    BIGINT NOT NULL,
    PRIMARY KEY (jkt, vct)
);
-- Counts every change of the list, so that nobody brings a revoked key back by serving an older one.
CREATE TABLE trust_version (
    id      BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    version BIGINT NOT NULL
);
INSERT INTO trust_version (id, version) VALUES (1, 0);
