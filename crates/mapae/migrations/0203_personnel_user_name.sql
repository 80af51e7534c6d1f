-- The name by which an HR system knows a person, where that is not the number.
ALTER TABLE employee ADD COLUMN user_name BLOB;        -- sealed
ALTER TABLE employee ADD COLUMN user_name_index BLOB;  -- keyed hash of it
CREATE INDEX employee_user_name ON employee (user_name_index);
