-- The audit page: what one person did, and one kind of act, newest first.
CREATE INDEX audit_record_actor ON audit_record (actor, sequence);
CREATE INDEX audit_record_act ON audit_record (act, sequence);
