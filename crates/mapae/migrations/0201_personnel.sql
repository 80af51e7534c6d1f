-- Agencies: who may have a badge, why not, and from when.
CREATE TABLE agency (
    code         TEXT   NOT NULL PRIMARY KEY,   -- 행정표준코드, 7 digits
    name         TEXT   NOT NULL,
    name_en      TEXT   NOT NULL,
    kind         TEXT   NOT NULL,               -- central | local
    parent_code  TEXT,
    eligible     BIGINT NOT NULL,
    reason_ko    TEXT,                          -- why not eligible, as told to the applicant
    reason_en    TEXT,
    phase        BIGINT,                        -- roll-out phase, NULL: not planned yet
    phase_at     BIGINT,                        -- when the phase begins
    source       TEXT   NOT NULL,
    effective_at BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL
);

CREATE TABLE department (
    id           TEXT   NOT NULL PRIMARY KEY,
    agency_code  TEXT   NOT NULL REFERENCES agency (code),
    code         TEXT   NOT NULL,               -- the agency's own code
    name         TEXT   NOT NULL,
    name_en      TEXT   NOT NULL,
    parent_id    TEXT,
    head_id      TEXT,
    head_at      BIGINT NOT NULL,               -- effective time of the head
    source       TEXT   NOT NULL,
    effective_at BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    UNIQUE (agency_code, code)
);

-- Who decides when the head is away.
CREATE TABLE department_deputy (
    department_id TEXT   NOT NULL,
    employee_id   TEXT   NOT NULL,
    from_at       BIGINT NOT NULL,
    until_at      BIGINT,
    PRIMARY KEY (department_id, employee_id)
);

-- Everything about the person is sealed (AES-256-GCM-SIV, bound to table, column and row id).
CREATE TABLE employee (
    id           TEXT   NOT NULL PRIMARY KEY,
    agency_code  TEXT   NOT NULL REFERENCES agency (code),
    department_id TEXT  NOT NULL REFERENCES department (id),
    status       TEXT   NOT NULL,               -- serving | leave | dispatched | retired | dead
    link_id      TEXT   NOT NULL UNIQUE,        -- random, stable over transfers; what pairwise subjects are made of
    personal     BLOB   NOT NULL,               -- name, number, birth date, phone, position, rank
    rrn_tag      BLOB,                          -- sealed HMAC of the resident registration number
    name_index   BLOB   NOT NULL,
    number_index BLOB   NOT NULL,
    content_tag  BLOB   NOT NULL,               -- keyed hash of the imported line: what is unchanged is not written
    source       TEXT   NOT NULL,
    effective_at BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    UNIQUE (agency_code, number_index)
);
CREATE INDEX employee_name ON employee (name_index);
CREATE INDEX employee_number ON employee (number_index);
CREATE INDEX employee_department ON employee (department_id);

-- Keyed hashes of two neighbouring syllables: search by a part of a name.
CREATE TABLE employee_name_piece (
    piece       BLOB NOT NULL,
    employee_id TEXT NOT NULL,
    PRIMARY KEY (piece, employee_id)
) WITHOUT ROWID;
CREATE INDEX employee_name_piece_employee ON employee_name_piece (employee_id);

CREATE TABLE employee_portrait (
    employee_id TEXT   NOT NULL PRIMARY KEY,
    media_type  TEXT   NOT NULL,
    sealed      BLOB   NOT NULL,
    updated_at  BIGINT NOT NULL
);

-- How far an import has come; a second run of the same file goes on from there.
CREATE TABLE personnel_import (
    file_hash   BLOB   NOT NULL PRIMARY KEY,
    source      TEXT   NOT NULL,
    lines_done  BIGINT NOT NULL,
    finished_at BIGINT,
    updated_at  BIGINT NOT NULL
);

-- Held for the length of a group of imported lines: two imports write one group after the other.
CREATE TABLE personnel_import_turn (
    id       BIGINT NOT NULL PRIMARY KEY,
    taken_at BIGINT NOT NULL
);
INSERT INTO personnel_import_turn (id, taken_at) VALUES (1, 0);
