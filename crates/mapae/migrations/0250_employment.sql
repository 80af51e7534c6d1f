-- How many badges of an agency personnel events have ended in the present window. One conditional UPDATE admits or not.
CREATE TABLE employment_window (
    agency_code TEXT   NOT NULL PRIMARY KEY,
    began_at    BIGINT NOT NULL,
    badges      BIGINT NOT NULL,               -- live badges of the agency when the window began
    ended       BIGINT NOT NULL
);

-- Changes that would end more badges than an agency may lose without a person looking.
CREATE TABLE employment_held (
    id           TEXT   NOT NULL PRIMARY KEY,
    subject      TEXT   NOT NULL,              -- employee id, or code of an agency to be excluded
    agency_code  TEXT   NOT NULL,
    event        TEXT   NOT NULL,
    payload      BLOB   NOT NULL,              -- sealed: what is to be written
    content_tag  BLOB   NOT NULL,              -- a repeated push changes nothing
    source       TEXT   NOT NULL,
    told_by      TEXT   NOT NULL,
    effective_at BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    state        TEXT   NOT NULL,              -- waiting | released | dropped | superseded
    first_id     TEXT,                         -- the first of the two who release
    first_at     BIGINT,
    decided_id   TEXT,
    decided_at   BIGINT,
    reason       BLOB                          -- sealed: what the deciding person wrote
);
CREATE UNIQUE INDEX employment_held_waiting ON employment_held (subject) WHERE state = 'waiting';
CREATE INDEX employment_held_agency ON employment_held (agency_code, state, id);

-- Badges whose claims changed since their copies were issued; the next copies say what is true now.
CREATE TABLE employment_outdated (
    badge_id    TEXT   NOT NULL PRIMARY KEY,
    employee_id TEXT   NOT NULL,
    event       TEXT   NOT NULL,
    since_at    BIGINT NOT NULL
);

-- Agencies that were excluded: their applications and badges are ended person by person, in short commits.
CREATE TABLE employment_exclusion (
    agency_code TEXT   NOT NULL PRIMARY KEY,
    after_id    TEXT   NOT NULL,               -- the last employee that is done
    told_by     TEXT   NOT NULL,
    duty        TEXT   NOT NULL,
    created_at  BIGINT NOT NULL
);
