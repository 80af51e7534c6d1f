-- Who may sign in, what they may do, and for how long. Accounts carry no name and no number: personnel holds those.
CREATE TABLE staff_account (
    id TEXT NOT NULL PRIMARY KEY,
    login TEXT NOT NULL UNIQUE,
    employee_id TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);

-- A duty belongs to the employee, never to the account, and reaches the named agency and those below it.
CREATE TABLE staff_duty (
    id TEXT NOT NULL PRIMARY KEY,
    employee_id TEXT NOT NULL,
    duty TEXT NOT NULL,
    agency_code TEXT NOT NULL,
    granted_by TEXT NOT NULL,
    granted_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE UNIQUE INDEX staff_duty_held ON staff_duty (employee_id, duty, agency_code) WHERE ended_at IS NULL;

-- The token itself is only in the browser; here lies its SHA-256 (hex).
CREATE TABLE staff_session (
    token_hash TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL,
    employee_id TEXT NOT NULL,
    door TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL
);
CREATE INDEX staff_session_account ON staff_session (account_id);
CREATE INDEX staff_session_ends ON staff_session (ends_at);

-- Failed sign-ins by keyed hash of the id tried and of the source; unknown ids count like known ones.
CREATE TABLE staff_throttle (
    subject TEXT NOT NULL PRIMARY KEY,
    failures BIGINT NOT NULL,
    window_ends_at BIGINT NOT NULL
);
CREATE INDEX staff_throttle_window ON staff_throttle (window_ends_at);
