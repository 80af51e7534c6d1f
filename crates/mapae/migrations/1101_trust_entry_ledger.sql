-- What the ledger says of an accreditation; empty where no ledger is set up.
ALTER TABLE trust_entry ADD COLUMN did TEXT;
ALTER TABLE trust_entry ADD COLUMN until_at BIGINT;
ALTER TABLE trust_entry ADD COLUMN statement TEXT;
ALTER TABLE trust_entry ADD COLUMN deactivated_at BIGINT;
