-- Lists of an agency page by page in their order, whatever the number of its applications; the id makes the order whole.
CREATE INDEX application_listed ON application (agency_code, state_since_at, id);
CREATE INDEX application_listed_by_state ON application (agency_code, state, state_since_at, id);

-- What is approved and has not come to a badge: few, among many that have.
CREATE INDEX application_stuck ON application (agency_code, state_since_at, id) WHERE state IN ('issue_approved', 'invited');

-- Whether an approved application has an invitation that is good or was used.
CREATE INDEX application_invitation_of ON application_invitation (application_id, state, ends_at);

-- Statistics: each person of an agency once, in the order of the index, so that nothing has to be sorted.
DROP INDEX application_statistics;
CREATE INDEX application_persons ON application (agency_code, employee_id, state);
CREATE INDEX application_holders ON application (state, agency_code, employee_id);
CREATE INDEX application_weeks ON application (state, kind, ((state_since_at + 32400000) / 604800000), agency_code);
