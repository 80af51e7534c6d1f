-- What an HR system that pushes has to find again: its own id of a person or department, and when we took it in.
ALTER TABLE employee ADD COLUMN created_at BIGINT;
ALTER TABLE employee ADD COLUMN external_id BLOB;      -- sealed
ALTER TABLE employee ADD COLUMN external_index BLOB;   -- keyed hash of it
ALTER TABLE employee ADD COLUMN removed_at BIGINT;     -- taken out of the HR system's directory; the record stays
CREATE INDEX employee_external ON employee (external_index);

ALTER TABLE department ADD COLUMN created_at BIGINT;
ALTER TABLE department ADD COLUMN external_id TEXT;
