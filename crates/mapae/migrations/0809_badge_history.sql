-- The badges that an employee, or a phone's account, has and had: the live one has its own index, the former have none.
CREATE INDEX badge_of_employee ON badge (employee_id, issued_at);
CREATE INDEX badge_of_account ON badge (account_id, issued_at);
