-- A duty that somebody asks to be given to or taken from an official; a second person confirms it.
CREATE TABLE staff_duty_request (
    id TEXT NOT NULL PRIMARY KEY,
    act TEXT NOT NULL,                 -- grant | withdraw
    employee_id TEXT NOT NULL,
    duty TEXT NOT NULL,
    agency_code TEXT NOT NULL,         -- what the duty reaches from
    reason BLOB NOT NULL,              -- sealed
    state TEXT NOT NULL,               -- waiting | confirmed | dropped | expired
    asked_by TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    decided_by TEXT,
    decided_at BIGINT
);
CREATE UNIQUE INDEX staff_duty_request_waiting ON staff_duty_request (employee_id, duty, agency_code) WHERE state = 'waiting';
CREATE INDEX staff_duty_request_agency ON staff_duty_request (agency_code, state, id);
CREATE INDEX staff_duty_agency ON staff_duty (agency_code, id);
