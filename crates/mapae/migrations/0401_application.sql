-- One row from draft to issued. Every change of `state` is one conditional UPDATE on (id, state).
CREATE TABLE application (
    id TEXT NOT NULL PRIMARY KEY,
    employee_id TEXT NOT NULL,
    agency_code TEXT NOT NULL,
    department_id TEXT NOT NULL,
    head_department_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    note BLOB,
    state TEXT NOT NULL,
    state_since_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    seen_phone BLOB,
    badge_id TEXT
);
-- One open application for each employee, kept by the database.
CREATE UNIQUE INDEX application_open ON application (employee_id)
    WHERE state IN ('draft', 'submitted', 'head_approved', 'identity_checked', 'issue_approved', 'invited');
CREATE INDEX application_queue ON application (state, agency_code, state_since_at);
CREATE INDEX application_head_queue ON application (head_department_id, state);
CREATE INDEX application_mine ON application (employee_id, created_at);
CREATE INDEX application_ends ON application (ends_at);

-- What happened, append-only: the timeline that applicant and checkers read.
CREATE TABLE application_event (
    id TEXT NOT NULL PRIMARY KEY,
    application_id TEXT NOT NULL,
    act TEXT NOT NULL,
    state TEXT NOT NULL,
    actor_id TEXT,
    behalf_of_id TEXT,
    note BLOB,
    at BIGINT NOT NULL
);
CREATE INDEX application_event_of ON application_event (application_id, id);

-- One person, one step: the primary key refuses a second step to the same pair of hands (actor and the one acted for).
CREATE TABLE application_hand (
    application_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    step TEXT NOT NULL,
    PRIMARY KEY (application_id, person_id)
);

-- Deciding for another: 전결 (standing) or 대결 (while absent), always with an end.
CREATE TABLE application_delegation (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    duty TEXT NOT NULL,
    agency_code TEXT NOT NULL,
    from_id TEXT NOT NULL,
    to_id TEXT NOT NULL,
    from_at BIGINT NOT NULL,
    until_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX application_delegation_to ON application_delegation (to_id, until_at);
CREATE INDEX application_delegation_from ON application_delegation (from_id, until_at);

-- The way to the phone. Handle and code only as keyed hashes.
CREATE TABLE application_invitation (
    id TEXT NOT NULL PRIMARY KEY,
    application_id TEXT NOT NULL,
    employee_id TEXT NOT NULL,
    handle_hash TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    message_id TEXT NOT NULL,
    code_hash TEXT,
    code_ends_at BIGINT,
    code_tries BIGINT NOT NULL,
    proof_tries BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    void_reason TEXT
);
-- One live invitation for each application.
CREATE UNIQUE INDEX application_invitation_live ON application_invitation (application_id)
    WHERE state IN ('open', 'activated');
CREATE INDEX application_invitation_message ON application_invitation (message_id);

-- A repeated POST with the same Idempotency-Key gets the first answer.
CREATE TABLE application_request (
    employee_id TEXT NOT NULL,
    request_key TEXT NOT NULL,
    application_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (employee_id, request_key)
);
