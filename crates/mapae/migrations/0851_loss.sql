-- The code with which a holder stops the badge without the phone. Only its keyed hash; a new code ends the old one.
CREATE TABLE loss_code (
    employee_id TEXT   NOT NULL PRIMARY KEY,
    code_hash   BLOB   NOT NULL UNIQUE,
    made_at     BIGINT NOT NULL
);

-- What was reported, through which way, and how long the stop took. How it ended is the badge's state.
CREATE TABLE loss_report (
    id           TEXT   NOT NULL PRIMARY KEY,
    employee_id  TEXT   NOT NULL,
    agency_code  TEXT   NOT NULL,
    badge_id     TEXT,                         -- null: the holder had no badge yet, only a phone on the way to one
    cause        TEXT   NOT NULL,              -- loss | theft
    way          TEXT   NOT NULL,              -- portal | code | desk | call
    reported_by  TEXT,                         -- employee id; null: whoever knew the code
    reported_at  BIGINT NOT NULL,
    stopped_at   BIGINT                        -- null: nothing was left to stop
);
CREATE INDEX loss_report_agency ON loss_report (agency_code, reported_at);
CREATE INDEX loss_report_employee ON loss_report (employee_id, reported_at);

-- Wrong codes by keyed hash of their source, for one window.
CREATE TABLE loss_throttle (
    source         TEXT   NOT NULL PRIMARY KEY,
    tries          BIGINT NOT NULL,
    window_ends_at BIGINT NOT NULL
);
CREATE INDEX loss_throttle_window ON loss_throttle (window_ends_at);
