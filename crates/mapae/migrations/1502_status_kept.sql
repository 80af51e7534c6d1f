-- After a restore: slots that had a badge which is not in the restored store, and whose copies were stopped when the lists
-- were published last. Their entries go on saying so.
CREATE TABLE status_kept (
    issuing_did    TEXT   NOT NULL REFERENCES issuing_party (did),
    slot           BIGINT NOT NULL,
    state          TEXT   NOT NULL CHECK (state IN ('suspended', 'revoked')),
    status_version BIGINT NOT NULL,
    copy_week      BIGINT NOT NULL,             -- first second of the last ISO week whose list named it
    PRIMARY KEY (issuing_did, slot)
);
CREATE INDEX status_kept_version ON status_kept (issuing_did, status_version);
