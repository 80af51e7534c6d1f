-- Browsers that officials have enrolled by a passkey, in a registered network: a login may begin in them anywhere.
CREATE TABLE login_browser (
    id            TEXT   NOT NULL PRIMARY KEY,
    employee_id   TEXT   NOT NULL,
    credential_id TEXT   NOT NULL UNIQUE,
    public_key    BLOB   NOT NULL,
    synced        BIGINT NOT NULL,                  -- 1: the passkey may be on other devices too
    sign_count    BIGINT NOT NULL,
    name          BLOB   NOT NULL,                  -- what its owner calls it; sealed
    place         TEXT   NOT NULL,                  -- the network it was enrolled in
    created_at    BIGINT NOT NULL,
    used_at       BIGINT,
    ends_at       BIGINT NOT NULL
);
CREATE INDEX login_browser_employee_id ON login_browser (employee_id);
CREATE INDEX login_browser_ends_at ON login_browser (ends_at);

-- Logins that such a browser began: only a badge of its owner may answer.
CREATE TABLE login_browser_start (
    attempt     TEXT   NOT NULL PRIMARY KEY,
    employee_id TEXT   NOT NULL,
    browser     TEXT   NOT NULL,
    expires_at  BIGINT NOT NULL
);
CREATE INDEX login_browser_start_expires_at ON login_browser_start (expires_at);
