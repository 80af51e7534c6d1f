-- Where the registry is, and whose statements count: pinned when the ledger is set up.
CREATE TABLE ledger_setup (
    id         BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    network    TEXT   NOT NULL,                   -- the second part of every DID
    chain_id   BIGINT NOT NULL,
    registry   TEXT   NOT NULL,                   -- 0x address
    council    TEXT   NOT NULL,                   -- 0x address of the registrar
    members    TEXT   NOT NULL,                   -- JSON array of JWKs: the keys that sign statements
    needed     BIGINT NOT NULL,                   -- how many of them it takes
    next_block BIGINT NOT NULL,                   -- events from here on are not in the trust list yet
    made_at    BIGINT NOT NULL
);
-- Roots on their way to the ledger, each once.
CREATE TABLE ledger_anchor (
    kind       TEXT   NOT NULL CHECK (kind IN ('status', 'checkpoint')),
    position   BIGINT NOT NULL,                   -- minute since 1970, or size of the log
    origin     TEXT   NOT NULL,                   -- of a checkpoint: SHA-256 of its origin line in hex
    root       BLOB   NOT NULL,
    leaves     TEXT   NOT NULL,                   -- JSON: what the root of status lists is made of
    made_at    BIGINT NOT NULL,
    sent_at    BIGINT,
    tx         TEXT,                              -- 0x hash, where this process sent it
    PRIMARY KEY (kind, position)
);
CREATE INDEX ledger_anchor_waiting ON ledger_anchor (made_at) WHERE sent_at IS NULL;
