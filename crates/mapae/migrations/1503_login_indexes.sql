-- What each login writes, and nothing reads by: 34 pages of the embedded store before, 20 after.
-- Approvals live for seconds, until the login takes them; the few that are there are read faster without an index.
DROP INDEX account_approval_expiry;
DROP INDEX account_approval_badge;
DROP INDEX account_approval_account;
-- Wrong numbers alone are counted by badge and by relying party.
DROP INDEX login_attempt_answered_by;
DROP INDEX login_attempt_relying_party;
CREATE INDEX login_attempt_wrong_by ON login_attempt (answered_by, created_at) WHERE outcome = 'number_wrong';
CREATE INDEX login_attempt_wrong_at ON login_attempt (relying_party, created_at) WHERE outcome = 'number_wrong';
-- A session ends after its token: whoever looks for what is over looks by the later one.
DROP INDEX login_session_expires_at;
-- The audit page shows numbered records only; one that waits for its number need not stand in their order.
DROP INDEX audit_record_actor;
DROP INDEX audit_record_act;
CREATE INDEX audit_record_actor ON audit_record (actor, sequence) WHERE sequence IS NOT NULL;
CREATE INDEX audit_record_act ON audit_record (act, sequence) WHERE sequence IS NOT NULL;
