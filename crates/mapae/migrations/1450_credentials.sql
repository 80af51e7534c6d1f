-- What officials ask for beside the badge: one row for each request of a credential type.
CREATE TABLE credential_request (
    id              TEXT   NOT NULL PRIMARY KEY,
    employee_id     TEXT   NOT NULL,
    agency_code     TEXT   NOT NULL,                -- when it was asked for
    credential_type TEXT   NOT NULL,                -- id of the type's file
    one_open        BIGINT NOT NULL,                -- 1: at most one of this type may wait or be approved
    typed           BLOB   NOT NULL,                -- sealed JSON: what applicant and approver typed
    state           TEXT   NOT NULL CHECK (state IN ('waiting', 'approved', 'rejected', 'withdrawn', 'revoked')),
    decided_by      TEXT,                           -- null: automatically, or by the applicant
    reason          BLOB,                           -- sealed: why it was rejected or revoked
    created_at      BIGINT NOT NULL,
    changed_at      BIGINT NOT NULL
);
CREATE UNIQUE INDEX credential_request_one ON credential_request (employee_id, credential_type)
    WHERE one_open = 1 AND state IN ('waiting', 'approved');
CREATE INDEX credential_request_employee ON credential_request (employee_id, created_at);
CREATE INDEX credential_request_queue ON credential_request (state, agency_code, created_at);

-- A credential beside the badge, with all its copies. Like the badge it holds no claim value; its slot is of the same
-- counter, so that it stands in the same status lists.
CREATE TABLE held_credential (
    id              TEXT   NOT NULL PRIMARY KEY,
    employee_id     TEXT   NOT NULL,
    request_id      TEXT   NOT NULL REFERENCES credential_request (id),
    credential_type TEXT   NOT NULL,
    one_live        BIGINT NOT NULL,
    issuing_did     TEXT   NOT NULL REFERENCES issuing_party (did),
    slot            BIGINT NOT NULL,
    state           TEXT   NOT NULL CHECK (state IN ('active', 'suspended', 'revoked', 'expired', 'replaced')),
    copy_week       BIGINT NOT NULL,
    copy_next       BIGINT NOT NULL,
    status_version  BIGINT NOT NULL DEFAULT 0,
    issued_at       BIGINT NOT NULL,
    valid_until     BIGINT NOT NULL,
    changed_at      BIGINT NOT NULL,
    UNIQUE (issuing_did, slot)
);
-- At most one live of a type that allows one, and at most one live of each request: the database keeps this.
CREATE UNIQUE INDEX held_credential_one ON held_credential (employee_id, credential_type)
    WHERE one_live = 1 AND state IN ('active', 'suspended');
CREATE UNIQUE INDEX held_credential_request ON held_credential (request_id) WHERE state IN ('active', 'suspended');
CREATE INDEX held_credential_employee ON held_credential (employee_id, state);
CREATE INDEX held_credential_status ON held_credential (issuing_did, status_version);
CREATE INDEX held_credential_expiry ON held_credential (state, valid_until);
