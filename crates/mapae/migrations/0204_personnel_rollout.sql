-- What the roll-out knows of an agency beside the HR system's word. The HR import leaves these columns alone.
ALTER TABLE agency ADD COLUMN target BIGINT;                                -- officials planned for
ALTER TABLE agency ADD COLUMN closed_network BIGINT NOT NULL DEFAULT 0;     -- its network reaches neither phones nor us
ALTER TABLE agency ADD COLUMN opted_in_at BIGINT;                           -- local governments: since when their decision is in force

-- A local government's own decision, recorded by one person and confirmed by another.
CREATE TABLE agency_opt_in (
    id           TEXT   NOT NULL PRIMARY KEY,
    agency_code  TEXT   NOT NULL,
    number       TEXT   NOT NULL,               -- of the decision
    decided_on   TEXT   NOT NULL,               -- YYYY-MM-DD
    state        TEXT   NOT NULL,               -- waiting | in_force | dropped
    asked_by     TEXT   NOT NULL,
    asked_at     BIGINT NOT NULL,
    decided_by   TEXT,
    decided_at   BIGINT
);
CREATE UNIQUE INDEX agency_opt_in_open ON agency_opt_in (agency_code) WHERE state IN ('waiting', 'in_force');

-- Ranks and contract types that may not have a badge yet, with the reason as the applicant reads it.
CREATE TABLE agency_rule (
    id          TEXT   NOT NULL PRIMARY KEY,
    agency_code TEXT   NOT NULL,                -- for this agency and those below it
    kind        TEXT   NOT NULL,                -- rank: equal to it | contract: a word of rank or position
    value       TEXT   NOT NULL,
    reason_ko   TEXT   NOT NULL,
    reason_en   TEXT   NOT NULL,
    made_by     TEXT   NOT NULL,
    made_at     BIGINT NOT NULL,
    ended_at    BIGINT
);
CREATE INDEX agency_rule_agency ON agency_rule (agency_code, id);

-- Local governments that were issuing before their decision was asked for go on.
UPDATE agency SET opted_in_at = effective_at WHERE kind = 'local' AND eligible <> 0;
