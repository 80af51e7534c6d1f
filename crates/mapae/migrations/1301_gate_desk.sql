-- How a controller and its doors stand, as it last told (JSON, gates::passages::Standing), and when it told.
ALTER TABLE gate_controller ADD COLUMN standing TEXT;
ALTER TABLE gate_controller ADD COLUMN standing_at BIGINT;

-- Who gave a grant: an employee's id, or the word for whoever works on the server's machine.
ALTER TABLE gate_grant ADD COLUMN given_by TEXT;
