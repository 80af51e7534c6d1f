-- The embedded chain: one file, written by one process at a time.
CREATE TABLE chain (
    only       INTEGER PRIMARY KEY CHECK (only = 1),
    format     INTEGER NOT NULL,
    chain_id   INTEGER NOT NULL
) STRICT;
CREATE TABLE block (
    number            INTEGER PRIMARY KEY,
    hash              BLOB NOT NULL,
    parent            BLOB NOT NULL,
    timestamp         INTEGER NOT NULL,
    gas_used          INTEGER NOT NULL,
    transactions_root BLOB NOT NULL,
    receipts_root     BLOB NOT NULL,
    state_root        BLOB NOT NULL
) STRICT;
-- `output`: what a revert said.
CREATE TABLE tx (
    block    INTEGER NOT NULL,
    place    INTEGER NOT NULL,
    hash     BLOB NOT NULL UNIQUE,
    raw      BLOB NOT NULL,
    sender   BLOB NOT NULL,
    success  INTEGER NOT NULL,
    gas_used INTEGER NOT NULL,
    output   BLOB NOT NULL,
    PRIMARY KEY (block, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE log (
    block   INTEGER NOT NULL,
    place   INTEGER NOT NULL,
    tx      INTEGER NOT NULL,
    address BLOB NOT NULL,
    topic0  BLOB,
    topic1  BLOB,
    topic2  BLOB,
    topic3  BLOB,
    data    BLOB NOT NULL,
    PRIMARY KEY (block, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX log_topic ON log (topic0, topic1, block);
-- The state at the head.
CREATE TABLE account (
    address   BLOB PRIMARY KEY,
    nonce     INTEGER NOT NULL,
    code_hash BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE slot (
    address BLOB NOT NULL,
    key     BLOB NOT NULL,
    value   BLOB NOT NULL,
    PRIMARY KEY (address, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE code (
    hash  BLOB PRIMARY KEY,
    bytes BLOB NOT NULL
) STRICT, WITHOUT ROWID;
