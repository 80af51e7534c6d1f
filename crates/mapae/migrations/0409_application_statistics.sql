-- Statistics: who applied and who was issued a badge, by agency, from the index alone.
CREATE INDEX application_statistics ON application (agency_code, state, employee_id);
