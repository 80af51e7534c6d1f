-- The audit log, first form: records with their leaf hash, not yet numbered. The sequencer numbers committed records
-- (sequence) and extends the tree; until then sequence is NULL.
CREATE TABLE audit_record (
    id                  TEXT   NOT NULL PRIMARY KEY,
    at                  BIGINT NOT NULL,
    actor               TEXT   NOT NULL,
    duty                TEXT   NOT NULL,
    act                 TEXT   NOT NULL,
    subject             TEXT   NOT NULL,
    detail              TEXT   NOT NULL,
    personal_commitment BLOB,
    leaf_hash           BLOB   NOT NULL,
    sequence            BIGINT
);
CREATE UNIQUE INDEX audit_record_sequence ON audit_record (sequence) WHERE sequence IS NOT NULL;
CREATE INDEX audit_record_unnumbered ON audit_record (id) WHERE sequence IS NULL;
CREATE INDEX audit_record_subject ON audit_record (subject, at);

-- Personal parts stand apart, each under its own salt, so that they can be deleted without touching the tree.
CREATE TABLE audit_personal (
    record_id TEXT NOT NULL PRIMARY KEY,
    salt      BLOB NOT NULL,
    sealed    BLOB NOT NULL
);
