-- What an official says is wrong in the HR record, and what HR answered (개인정보 보호법 제36조).
CREATE TABLE personnel_correction (
    id          TEXT   NOT NULL PRIMARY KEY,
    employee_id TEXT   NOT NULL,
    agency_code TEXT   NOT NULL,
    field       TEXT   NOT NULL,
    said        BLOB   NOT NULL,               -- sealed
    state       TEXT   NOT NULL,               -- waiting | corrected | refused
    asked_at    BIGINT NOT NULL,
    answer      BLOB,                          -- sealed
    answered_by TEXT,
    answered_at BIGINT
);
CREATE INDEX personnel_correction_agency ON personnel_correction (agency_code, state, id);
CREATE INDEX personnel_correction_employee ON personnel_correction (employee_id, id);
